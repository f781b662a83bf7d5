import type { Model, Node } from '../onnx/ir/graph.js';
import { blockSize } from '../onnx/passes/blocked-layout.js';
import type { CleanUpResult } from '../onnx/passes/clean-up.js';
import { tuneForCpu } from '../onnx/passes/tune-for-cpu.js';
import type { BlockOptions } from './block-weights.js';
import { calibrate } from './calibrate.js';
import { decideNodes } from './decide.js';
import { unfusedNodes } from './fusion-check.js';
import type { NodeSelection } from './node-selection.js';
import { type QuantizationParameters, quantizationParameters, type Range, UINT8 } from './parameters.js';
import { calibratedValues, type IntegerArithmetic, type Plan } from './plan.js';
import { StaticPlanner } from './plan-static.js';
import type { CalibrationMethod } from './ranges.js';
import { rewrite } from './rewrite.js';
import type { IntegerWeight } from './rewriting.js';
import type { QuantizationSamples } from './samples.js';
import { FOUR_BIT_OPSET } from './store-in-blocks.js';
import { cpuClass, joinsPay, saturates } from './what-pays.js';
import type { Shapes } from './workload.js';

export interface SchemeOptions {
  /** Cleaned up, opset 13 or later, every node with a name of its own. */
  readonly model: Model;
  readonly arithmetic: IntegerArithmetic;
  readonly selected: NodeSelection;
  readonly perChannel: boolean;
  readonly weights: BlockOptions;
  readonly onlyWhatPays: boolean;
  readonly instructionSets: readonly string[];
  readonly samples: QuantizationSamples | null;
  readonly calibration: readonly number[];
  readonly shapes: Shapes;
  readonly method: CalibrationMethod;
  readonly threads: number;
  readonly scratch: string;
  readonly signal: AbortSignal;
  readonly progress: (phase: 'calibrate' | 'rewrite', fraction: number) => void;
}

export interface Scheme {
  readonly model: Model;
  /** What suited the rewritten graph to the float kernels of this CPU. */
  readonly passes: CleanUpResult['passes'];
  readonly plan: Plan;
  readonly integerWeights: readonly IntegerWeight[];
  readonly calibratedTensors: number;
}

const parametersOf = (ranges: ReadonlyMap<string, Range>): Map<string, QuantizationParameters> =>
  new Map([...ranges].map(([value, range]) => [value, quantizationParameters(range, UINT8, { symmetric: false })]));

/**
 * Quantizes a clean model: decides per node, measures ranges, rewrites, tunes what stays in float, and looks at the graph that ONNX Runtime executes. A node that did
 * not become an integer kernel is put back to float, and everything is rewritten, until no Q or DQ stands around a float node.
 */
export async function applyScheme(options: SchemeOptions): Promise<Scheme> {
  const { model, shapes, signal } = options;
  const cpu = cpuClass(options.instructionSets);
  const refused = new Map<string, string>();
  const joins = (node: Node) =>
    !refused.has(node.name) && options.selected(node) && (!options.onlyWhatPays || joinsPay(cpu));
  const ranges = new Map<string, Range>();
  for (;;) {
    signal.throwIfAborted();
    const fourBitConstants = (model.opsets.get('') ?? 0) >= FOUR_BIT_OPSET;
    const decisions = decideNodes({ ...options, graph: model.graph, cpu, shapes, refused, fourBitConstants });
    const plan = new StaticPlanner(model.graph, decisions).plan(joins);
    const values = calibratedValues(plan).filter((value) => !ranges.has(value));
    if (options.samples && values.length > 0) {
      const progress = (fraction: number) => options.progress('calibrate', fraction);
      const { samples, calibration: indices } = options;
      for (const [value, range] of await calibrate({ ...options, samples, indices, values, progress }))
        ranges.set(value, range);
    }
    options.progress('rewrite', 0);
    const rewritten = rewrite(model, plan, {
      activations: parametersOf(ranges),
      selected: options.selected,
      perChannel: options.perChannel,
      weights: options.weights,
      avoidSaturation: saturates(cpu),
    });
    const { model: tuned, passes } = tuneForCpu(rewritten.model, blockSize(options.instructionSets));
    const unfused = await unfusedNodes(tuned, plan, options.scratch);
    if (unfused.size === 0) return { ...rewritten, model: tuned, passes, plan, calibratedTensors: ranges.size };
    for (const [name, reason] of unfused) refused.set(name, reason);
  }
}
