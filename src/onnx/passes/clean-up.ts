import { cloneModel } from '../ir/clone.js';
import type { Model } from '../ir/graph.js';
import { graphsOf } from '../ir/visit-graphs.js';
import { raiseOpset } from '../opset/raise-opset.js';
import type { RunModel } from '../shapes/record-shapes.js';
import { boundedForms } from './bounded-forms.js';
import { constantBranches } from './constant-branches.js';
import { constantNodes } from './constant-nodes.js';
import { deadCode } from './dead-code.js';
import { foldConstants, mostFolded } from './fold-constants.js';
import { foldIntoConsumers } from './fold-into-consumers.js';
import { foldIntoProducer } from './fold-into-producer.js';
import { freezeConstants } from './freeze-constants.js';
import { gatedResidual } from './gated-residual.js';
import { spelledHardSigmoid } from './hard-sigmoid.js';
import { identities } from './identities.js';
import { recognizeLayerNormalization } from './layer-normalization.js';
import { mergeConstants } from './merge-constants.js';
import { nestedBounds } from './nested-bounds.js';
import { padChannels } from './pad-channels.js';
import type { Pass } from './pass.js';
import { dropUnusedOpsets } from './unused-opsets.js';

/** The operator set that all passes and quantization are written for: axes and bounds are inputs, Q/DQ have an axis. */
export const WORKING_OPSET = 13;
/** Every pass only shrinks or rewrites to a form that no pass undoes; more rounds than this would be a mistake of ours. */
const MOST_ROUNDS = 50;

/** Once, before the operator set is raised: adapters look for constants. */
const PREPARATION: readonly Pass[] = [freezeConstants, constantNodes];
/**
 * Repeated until none of them finds anything. Some forms are left as they are because no other spelling won when both alternated (AVX2,
 * one thread): GELU by Erf, which ONNX Runtime fuses with the bias before it (as Gelu of operator set 20 a ViT runs at 0.98x); the
 * Euclidean norm by Mul, ReduceSum, Sqrt (64x384: by ReduceL2 0.87x, with the division as LpNormalization 0.92x).
 */
const REWRITES: readonly Pass[] = [
  constantBranches,
  identities,
  mergeConstants,
  boundedForms,
  nestedBounds,
  spelledHardSigmoid,
  gatedResidual,
  foldIntoProducer,
  foldIntoConsumers,
  deadCode,
];

export interface CleanUpContext {
  /** Runs a model without inputs, to compute what depends on constants alone; without it nothing is computed. */
  readonly run?: RunModel;
  readonly signal?: AbortSignal;
  /** Channels around depthwise convolutions are padded to multiples of this; 1, the default, pads nothing. */
  readonly padTo?: number;
}

export interface CleanUpResult {
  readonly model: Model;
  /** Passes that changed something, with how often, in the order in which they first did. */
  readonly passes: readonly { readonly name: string; readonly changes: number }[];
}

/**
 * The same function with fewer, faster operators: operator set 13 or later, constants as initializers, nothing dead, and every
 * rewrite that is exact up to rounding (largest relative difference about 1e-5 on real networks). The given model is not changed.
 * @throws ServiceError unsupported_opset; what `run` throws
 */
export async function cleanUp(model: Model, context: CleanUpContext = {}): Promise<CleanUpResult> {
  const counts = new Map<string, number>();
  const count = (name: string, changes: number): number => {
    if (changes > 0) counts.set(name, (counts.get(name) ?? 0) + changes);
    return changes;
  };
  const runAll = (passes: readonly Pass[], target: Model): number => {
    let changes = 0;
    for (const pass of passes)
      for (const graph of [...graphsOf(target.graph)]) changes += count(pass.name, pass.run(graph));
    return changes;
  };

  const prepared = cloneModel(model);
  runAll(PREPARATION, prepared);
  const raised = raiseOpset(prepared, WORKING_OPSET);
  count('raise_opset', raised.changes);
  let cleaned = raised.model;
  const mostBytes = mostFolded(cleaned.graph);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    context.signal?.throwIfAborted();
    let changes = context.run ? count('fold_constants', await foldConstants(cleaned, context.run, mostBytes)) : 0;
    changes += runAll(REWRITES, cleaned);
    if (changes === 0) break;
  }
  const recognized = recognizeLayerNormalization(cleaned);
  cleaned = recognized.model;
  const late = count('layer_normalization', recognized.changes) + runAll([padChannels(context.padTo ?? 1)], cleaned);
  if (late > 0) runAll([deadCode], cleaned);
  count('unused_opsets', dropUnusedOpsets(cleaned));
  return { model: cleaned, passes: [...counts].map(([name, changes]) => ({ name, changes })) };
}
