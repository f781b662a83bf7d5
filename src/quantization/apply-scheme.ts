import type { Model, Node } from '../onnx/ir/graph.js';
import { blockSize } from '../onnx/passes/blocked-layout.js';
import type { CleanUpResult } from '../onnx/passes/clean-up.js';
import { tuneForCpu } from '../onnx/passes/tune-for-cpu.js';
import type { BlockOptions } from './block-weights.js';
import { BlockedWeights } from './blocked-weights.js';
import { CalibratedRanges, type JudgedPreset, type RangingOptions } from './calibration/calibrated-ranges.js';
import type { Preset } from './calibration/range-methods.js';
import { decideNodes } from './decide.js';
import { unfusedNodes } from './fusion-check.js';
import type { NodeSelection } from './node-selection.js';
import type { IntegerArithmetic, Plan } from './plan.js';
import { StaticPlanner } from './plan-static.js';
import { rewrite } from './rewrite.js';
import type { IntegerWeight } from './rewriting.js';
import { FOUR_BIT_OPSET } from './store-in-blocks.js';
import { cpuClass, joinsPay, saturates } from './what-pays.js';

/** `model` is cleaned up, of opset 13 or later, every node with a name of its own. */
export interface SchemeOptions extends RangingOptions {
  readonly arithmetic: IntegerArithmetic;
  readonly selected: NodeSelection;
  readonly perChannel: boolean;
  readonly weights: BlockOptions;
  readonly onlyWhatPays: boolean;
  /** Names of nodes that must not run in integer, because they cost too much of the metric. */
  readonly keptInFloat: readonly string[];
  readonly instructionSets: readonly string[];
}

export interface Scheme {
  readonly model: Model;
  /** The same computation with all values in float32 under the names that they had, where the model itself lacks some. */
  readonly comparable?: Model;
  /** What suited the rewritten graph to the float kernels of this CPU. */
  readonly passes: CleanUpResult['passes'];
  readonly plan: Plan;
  readonly integerWeights: readonly IntegerWeight[];
  readonly calibratedTensors: number;
  /** Presets of ranges that were compared; none when there was only one. */
  readonly presets: readonly JudgedPreset[];
  /** What a report should say of it, instead of what follows from the plan. */
  readonly notes?: readonly string[];
}

/**
 * Quantizes a clean model: decides per node, measures ranges, rewrites, tunes what stays in float, and looks at the graph that ONNX Runtime
 * executes. A node that did not become an integer kernel is put back to float, and everything is rewritten, until no Q or DQ stands around
 * a float node. Presets differ in nothing but ranges, so they are compared when that is settled.
 */
export async function applyScheme(options: SchemeOptions): Promise<Scheme> {
  const { model, shapes, signal } = options;
  const cpu = cpuClass(options.instructionSets);
  const refused = new Map(options.keptInFloat.map((name) => [name, 'In INT8 it costs too much of the metric.']));
  const joins = (node: Node) =>
    !refused.has(node.name) && options.selected(node) && (!options.onlyWhatPays || joinsPay(cpu));
  const ranges = new CalibratedRanges(options);
  const blocked = new BlockedWeights(options);
  for (;;) {
    signal.throwIfAborted();
    const fourBitConstants = (model.opsets.get('') ?? 0) >= FOUR_BIT_OPSET;
    const decisions = decideNodes({ ...options, graph: model.graph, cpu, shapes, refused, fourBitConstants });
    const plan = new StaticPlanner(model.graph, decisions).plan(joins);
    await ranges.measure(plan);
    await blocked.quantize(plan);
    options.progress('rewrite', 0);
    const build = (preset?: Preset) => {
      const rewritten = rewrite(model, plan, {
        activations: ranges.parameters(preset),
        inputMeans: ranges.inputMeans,
        selected: options.selected,
        perChannel: options.perChannel,
        blocked,
        avoidSaturation: saturates(cpu),
      });
      return { ...rewritten, ...tuneForCpu(rewritten.model, blockSize(options.instructionSets)) };
    };
    const built = build();
    const unfused = await unfusedNodes(built.model, plan, options.scratch);
    for (const [name, reason] of unfused) refused.set(name, reason);
    if (unfused.size > 0) continue;
    const presets = await ranges.judge((preset) => build(preset).model);
    const chosen = presets.find((preset) => preset.chosen);
    return { ...(chosen ? build(chosen.preset) : built), plan, calibratedTensors: ranges.tensors, presets };
  }
}
