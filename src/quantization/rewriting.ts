import { node as makeNode, type Node } from '../onnx/ir/graph.js';
import { floats, type Tensor, tensor } from '../onnx/ir/tensor.js';
import type { BlockedWeights } from './blocked-weights.js';
import type { NodeSelection } from './node-selection.js';
import type { ActivationFormat, QuantizationParameters } from './parameters.js';
import type { Plan } from './plan.js';
import type { WeightLayout } from './weight-layout.js';
import type { WeightOperand } from './weight-operands.js';
import { type PlainWeights, type QuantizedWeights, quantizeWeights, type WeightOptions } from './weights.js';

/** Better numbers than the plainest for what a plan stores: each is a refinement that must have earned its place. */
export interface StoredNumbers {
  /** INT8 weights by node, where they are others than those of the plainest rounding. */
  readonly refinedWeights: ReadonlyMap<string, QuantizedWeights>;
  /** The mean of each channel, of the inputs of nodes whose bias is to be corrected. */
  readonly inputMeans: ReadonlyMap<string, Float64Array>;
  /** By node, what is added to each channel's bias. */
  readonly biasShifts: ReadonlyMap<string, Float64Array>;
}

/** The extremes of the weights, rounded to nearest, with their biases as they are. */
export const PLAIN_NUMBERS: StoredNumbers = {
  refinedWeights: new Map(),
  inputMeans: new Map(),
  biasShifts: new Map(),
};

/** What a plan needs to be carried out. */
export interface RewriteOptions extends StoredNumbers {
  /** Parameters of every value of `calibratedValues(plan)`. */
  readonly activations: ReadonlyMap<string, QuantizationParameters>;
  readonly format: ActivationFormat;
  readonly selected: NodeSelection;
  readonly perChannel: boolean;
  /** The weights that are in few bits. */
  readonly blocked: BlockedWeights;
  /** Names of the static nodes whose weights are stored in 4 bits. */
  readonly inFourBits: ReadonlySet<string>;
  /** Keep neighbouring weights small enough for CPUs whose 16-bit sums saturate. */
  readonly avoidSaturation: boolean;
}

/** A weight that integer kernels read: the constant's name in the new graph, by which the executed graph shows who reads it. */
export interface IntegerWeight {
  readonly node: string;
  readonly constant: string;
  /** The largest sum of a pair of neighbouring weights of one sign; see onnx/saturation. Null for kernels that add up otherwise. */
  readonly largestPair: number | null;
  /** What a refinement of INT8 weights starts from. */
  readonly plain?: PlainWeights;
}

/** The constants of a table of look-ups: its rows in int8 [rows, columns] and their scales [rows, 1]. */
export interface RowTable {
  readonly operand: WeightOperand;
  readonly integers: string;
  readonly scales: string;
}

/** The graph under construction; nodes are emitted in topological order. */
export interface Rewriting extends RewriteOptions {
  readonly plan: Plan;
  readonly constants: Map<string, Tensor>;
  readonly integerWeights: IntegerWeight[];
  /** Names of values and constants that nothing has yet. */
  readonly fresh: (hint: string) => string;
  /** Names of nodes that none has yet. What stands in the place of a node keeps that node's. */
  readonly freshNode: (hint: string) => string;
  /** Names of values that already have an integer twin: float name → dequantized name. */
  readonly dequantized: Map<string, string>;
  /** Names of values quantized by DynamicQuantizeLinear: [integers, scale, zero point]. */
  readonly dynamicallyQuantized: Map<string, readonly [string, string, string]>;
  /** Tables of rows by the name of the constant that they take the place of. */
  readonly tables: Map<string, RowTable>;
  emit(...nodes: readonly Node[]): void;
  /** Adds a constant and gives its name; equal bytes under the same hint are stored once. */
  constant(hint: string, value: Tensor): string;
}

/** The INT8 weights of a node: refined where a refinement has been, and what it would start from. */
export function integersOf(
  rewriting: Rewriting,
  node: Node,
  weights: Float32Array,
  layout: WeightLayout,
  more: Pick<WeightOptions, 'leastScale' | 'largest'> = {},
): { readonly stored: QuantizedWeights; readonly plain: PlainWeights } {
  const { perChannel, avoidSaturation } = rewriting;
  const options = { perChannel, avoidSaturation, ...more };
  const quantized = quantizeWeights(weights, layout, options);
  const plain = { weights, layout, options, quantized };
  return { stored: rewriting.refinedWeights.get(node.name) ?? quantized, plain };
}

function zeroPointOf(dtype: ActivationFormat['dtype'], zeroPoint: number): Tensor {
  switch (dtype) {
    case 'uint8':
      return tensor('uint8', [], Uint8Array.of(zeroPoint));
    case 'int8':
      return tensor('int8', [], Int8Array.of(zeroPoint));
    case 'uint16':
      return tensor('uint16', [], Uint16Array.of(zeroPoint));
    case 'int16':
      return tensor('int16', [], Int16Array.of(zeroPoint));
    default:
      return dtype satisfies never;
  }
}

/** QuantizeLinear and DequantizeLinear of an activation, with the scale as a scalar. */
export function quantizeDequantize(
  rewriting: Rewriting,
  names: { readonly from: string; readonly to: string; readonly hint: string },
  parameters: QuantizationParameters,
): void {
  const scale = rewriting.constant(`${names.hint}_scale`, floats([parameters.scale], []));
  const zeroPoint = rewriting.constant(
    `${names.hint}_zero_point`,
    zeroPointOf(rewriting.format.dtype, parameters.zeroPoint),
  );
  const integers = rewriting.fresh(`${names.hint}_quantized`);
  rewriting.emit(
    makeNode('QuantizeLinear', [names.from, scale, zeroPoint], [integers], {
      name: rewriting.freshNode(`${names.hint}_QuantizeLinear`),
    }),
    makeNode('DequantizeLinear', [integers, scale, zeroPoint], [names.to], {
      name: rewriting.freshNode(`${names.hint}_DequantizeLinear`),
    }),
  );
}
