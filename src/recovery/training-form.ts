import { preflight, type Trainability } from '../autodiff/preflight.js';
import type { Recovery } from '../contracts/recovery.js';
import type { Parameters } from '../distillation/optimizers/optimizer.js';
import { prepareStudent } from '../distillation/students/prepare-student.js';
import { cloneModel } from '../onnx/ir/clone.js';
import type { Graph, Model } from '../onnx/ir/graph.js';
import { floats } from '../onnx/ir/tensor.js';
import { ServiceError } from '../platform/errors.js';
import { trainIntegers } from './train-integers.js';
import { trainScales } from './train-scales.js';
import { trainVectors } from './train-vectors.js';
import { type Latent, TrainingGraph } from './training-graph.js';

/** A quantized model as a float graph that can be trained, and the way back. */
export interface TrainingForm {
  readonly model: Model;
  /** Constants of `model` that training changes. */
  readonly trained: readonly string[];
  /** Those of them that are rounded to the integers of weights. */
  readonly weights: readonly string[];
  /** Constants of the quantized model that stay as they are, because no gradient reaches them, and the first node that stops it. */
  readonly frozen: { readonly count: number; readonly by: Trainability | undefined };
  /**
   * The quantized model with the constants that trained values give, and everything else as it was.
   * @param weights by their names in `model`: latents, and running statistics of BatchNormalization, which both graphs have by one name
   */
  quantized(weights: Parameters): Model;
}

/**
 * The float graph of a quantized model: activations still pass through QuantizeLinear and DequantizeLinear, through which gradients go
 * straight, and the stored integers are rounded from latent weights on every run.
 * @param output the scored output
 * @param scales whether the scales of weights are trained, too
 * @throws ServiceError unsupported_operator with the node when no gradient reaches any weight
 */
export function trainingForm(model: Model, output: string, scales: Recovery['scales'] = 'frozen'): TrainingForm {
  const prepared = prepareStudent(model);
  const graph = new TrainingGraph(prepared.graph);
  trainIntegers(graph);
  const integers = new Set(graph.latents.map(({ name }) => name));
  if (scales === 'learned') trainScales(graph);
  trainVectors(graph);
  const { latents } = graph;
  const byName = new Map(latents.map((latent) => [latent.name, latent]));
  const { trained, by } = reached(prepared.graph, latents, output);
  return {
    model: prepared,
    trained,
    weights: trained.filter((name) => integers.has(name)),
    frozen: { count: latents.length - trained.length, by },
    quantized(weights) {
      const changed = cloneModel(model);
      const { initializers } = changed.graph;
      for (const [name, values] of weights) {
        const latent = byName.get(name);
        const stored = latent?.store(values) ?? [floats(values, initializers.get(name)?.dims)];
        for (const [i, tensor] of stored.entries()) initializers.set(latent?.constants[i] ?? name, tensor);
      }
      return changed;
    },
  };
}

/** The latents from which every way to the output can be differentiated. */
function reached(
  graph: Graph,
  latents: readonly Latent[],
  output: string,
): { readonly trained: readonly string[]; readonly by: Trainability | undefined } {
  const names = latents.map(({ name }) => name);
  const found = preflight(graph, names, [output]);
  const by = found.find(({ status }) => status === 'refused');
  const blocked = new Set<string>();
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const { inputs, outputs } = graph.nodes[i] as Graph['nodes'][number];
    if (found[i]?.status !== 'refused' && !outputs.some((value) => blocked.has(value))) continue;
    for (const input of inputs) blocked.add(input);
  }
  const trained = names.filter((name) => !blocked.has(name));
  if (trained.length > 0) return { trained, by };
  if (!by)
    throw new ServiceError('unsupported_operator', 'The quantized model holds no weights that training could change.');
  throw new ServiceError('unsupported_operator', `${by.reason} No weight behind it could be trained.`, {
    node: { name: by.name, op_type: by.op_type },
    hint: 'Leave "recover" out, or exclude what cannot be trained.',
  });
}
