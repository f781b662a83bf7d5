import type { RefinementReport } from '../contracts/report.js';
import type { Model, Node } from '../onnx/ir/graph.js';
import { blockSize } from '../onnx/passes/blocked-layout.js';
import type { CleanUpResult } from '../onnx/passes/clean-up.js';
import { tuneForCpu } from '../onnx/passes/tune-for-cpu.js';
import { BlockQuantizer, type BlockQuantizerOptions, type JudgedMethod } from './block-quantizer.js';
import { CalibratedRanges, type JudgedPreset, type RangingOptions } from './calibration/calibrated-ranges.js';
import type { Preset } from './calibration/range-methods.js';
import { decideNodes } from './decide.js';
import { nodesInFourBits } from './four-bit-weights.js';
import { checkFusion, type Fusion } from './fusion-check.js';
import type { NodeSelection } from './node-selection.js';
import type { IntegerArithmetic, Plan } from './plan.js';
import { StaticPlanner } from './plan-static.js';
import { exactEverywhere } from './report-nodes.js';
import { rewrite } from './rewrite.js';
import { type IntegerWeight, PLAIN_NUMBERS, type StoredNumbers } from './rewriting.js';
import { FOUR_BIT_OPSET } from './store-in-blocks.js';
import { cpuClass, joinsPay, saturates } from './what-pays.js';

/** `model` is cleaned up, of opset 13 or later, every node with a name of its own. */
export interface SchemeOptions extends RangingOptions, BlockQuantizerOptions {
  readonly arithmetic: IntegerArithmetic;
  readonly selected: NodeSelection;
  readonly perChannel: boolean;
  /** Bits of the weights that are multiplied by INT8 activations. */
  readonly weightBits: 4 | 8;
  /** Weights as small as they have to be to give the same sums on every CPU. */
  readonly portable: boolean;
  /** ONNX Runtime has no integer kernels for these activations: Q and DQ stay, for other devices. */
  readonly emulated: boolean;
  readonly onlyWhatPays: boolean;
  /** Names of nodes that must not run in integer, each with the reason. */
  readonly keptInFloat: ReadonlyMap<string, string>;
  readonly instructionSets: readonly string[];
}

export interface BuiltModel {
  readonly model: Model;
  /** The same computation with all values in float32 under the names that they had, where the model itself lacks some. */
  readonly comparable?: Model;
  /** What suited the rewritten graph to the float kernels of this CPU. */
  readonly passes: CleanUpResult['passes'];
  readonly integerWeights: readonly IntegerWeight[];
  /** What ONNX Runtime makes of the model; absent where no node was to run in integer. */
  readonly fusion?: Fusion;
}

export interface Scheme extends BuiltModel {
  /** The FP32 model that it was made of, when that is not the cleaned one. */
  readonly float?: Model;
  readonly plan: Plan;
  readonly calibratedTensors: number;
  /** What a report should say of the ranges. */
  readonly rangeNotes?: readonly string[];
  /** Presets of ranges that were compared; none when there was only one. */
  readonly presets: readonly JudgedPreset[];
  /** Ways to round weights that were compared; none when there was only one. */
  readonly methods: readonly JudgedMethod[];
  /** What a report should say of it, instead of what follows from the plan. */
  readonly notes?: readonly string[];
  /** What was tried beyond the plain scheme. */
  readonly refinements?: readonly RefinementReport[];
}

/** A scheme of integers, which can be built again with other numbers. */
export interface IntegerScheme extends Scheme {
  readonly float: Model;
  /** The same plan and ranges with other numbers stored. */
  rebuild(numbers: StoredNumbers): BuiltModel;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Quantizes a clean model: decides per node, measures ranges, rewrites, tunes what stays in float, and looks at the graph that ONNX Runtime
 * executes. A node that did not become an integer kernel is put back to float, and everything is rewritten, until no Q or DQ stands around
 * a float node. Presets differ in nothing but ranges, so they are compared when that is settled.
 */
export async function applyScheme(options: SchemeOptions): Promise<IntegerScheme> {
  const { model, shapes, signal } = options;
  const cpu = cpuClass(options.instructionSets);
  const refused = new Map(options.keptInFloat);
  const joins = (node: Node) =>
    !refused.has(node.name) && options.selected(node) && (!options.onlyWhatPays || joinsPay(cpu));
  const implied = (activation: Node, producer: Node) =>
    !options.format.symmetric &&
    !options.selected.excludes(activation) &&
    !options.overrides.mentions(activation.outputs[0] ?? '', [activation, producer]);
  const ranges = new CalibratedRanges(options);
  const quantizer = new BlockQuantizer(options);
  for (;;) {
    signal.throwIfAborted();
    const fourBitConstants = (model.opsets.get('') ?? 0) >= FOUR_BIT_OPSET;
    const inFourBits = options.weightBits === 4 && fourBitConstants ? nodesInFourBits(model.graph) : NONE;
    const decisions = decideNodes({
      ...{ ...options, graph: model.graph, cpu, shapes, refused, fourBitConstants },
      inFourBits,
    });
    const plan = new StaticPlanner(model.graph, decisions, implied).plan(joins);
    await ranges.measure(plan);
    const first = await quantizer.quantize(plan, quantizer.methods[0]);
    options.progress('rewrite', 0);
    const build = (preset?: Preset, numbers = PLAIN_NUMBERS, blocked = first): BuiltModel => {
      const rewritten = rewrite(model, plan, {
        ...numbers,
        activations: ranges.parameters(preset),
        format: options.format,
        selected: options.selected,
        perChannel: options.perChannel,
        inFourBits,
        blocked,
        avoidSaturation: options.portable || saturates(cpu),
      });
      return { ...rewritten, ...tuneForCpu(rewritten.model, blockSize(options.instructionSets)) };
    };
    const built = build();
    const found = await checkFusion(built.model, plan, options.scratch);
    const fusion = options.emulated ? emulated(found) : found;
    const unwanted = new Map([
      ...(options.emulated ? [] : fusion.unfused),
      ...(options.portable ? inexact(built.integerWeights) : []),
    ]);
    for (const [name, reason] of unwanted) refused.set(name, reason);
    if (unwanted.size > 0) continue;
    const presets = await ranges.judge((preset) => build(preset).model);
    const methods = await quantizer.judge(plan, (blocked) => build(undefined, PLAIN_NUMBERS, blocked).model);
    const chosen = presets.find((preset) => preset.chosen)?.preset;
    const method = methods.find((each) => each.chosen)?.preset;
    const blocked = method ? await quantizer.quantize(plan, method) : first;
    return {
      ...(chosen || method ? build(chosen, PLAIN_NUMBERS, blocked) : built),
      ...{
        float: model,
        plan,
        fusion,
        presets,
        methods,
        rangeNotes: [...ranges.notes, ...quantizer.notes(method ?? quantizer.methods[0])],
      },
      calibratedTensors: ranges.tensors,
      rebuild: (numbers) => build(chosen, numbers, blocked),
    };
  }
}

/** Nodes whose weights can saturate however they were scaled. */
const inexact = (weights: readonly IntegerWeight[]): [string, string][] =>
  weights
    .filter((weight) => !exactEverywhere(weight))
    .map(({ node }) => [node, 'Its weights cannot be kept small enough to be exact on every CPU.']);

const emulated = (fusion: Fusion): Fusion => ({
  ...fusion,
  unfused: new Map([...fusion.unfused.keys()].map((name) => [name, EMULATED])),
});
const EMULATED =
  'ONNX Runtime has no integer kernel for 16-bit activations on a CPU: it computes in float between QuantizeLinear and DequantizeLinear, slower than FP32.';
