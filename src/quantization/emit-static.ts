import { type Attribute, node as makeNode, type Node } from '../onnx/ir/graph.js';
import { elements, floats, type Tensor, tensor } from '../onnx/ir/tensor.js';
import { convSumOrder, largestPairSum, matrixSumOrder } from '../onnx/saturation.js';
import { leastWeightScale, quantizeBias } from './bias.js';
import { biasCorrection } from './bias-correction.js';
import { packBits } from './pack-bits.js';
import { activationInputs } from './plan.js';
import { integersOf, quantizeDequantize, type Rewriting } from './rewriting.js';
import { type WeightOperand, weightOperands } from './weight-operands.js';
import { LARGEST_INT4 } from './weights.js';

/** ONNX's code of int8, for Cast. */
const INT8 = 3;

/** The name under which `value` is read through QuantizeLinear and DequantizeLinear, made at the first use. */
function dequantizedInput(rewriting: Rewriting, value: string): string {
  const known = rewriting.dequantized.get(value);
  if (known !== undefined) return known;
  const parameters = rewriting.activations.get(rewriting.plan.sharedScale.get(value) ?? value);
  if (!parameters) throw new Error(`no range was measured for ${value}`);
  const name = rewriting.fresh(`${value}_dequantized`);
  rewriting.dequantized.set(value, name);
  quantizeDequantize(rewriting, { from: value, to: name, hint: value }, parameters);
  return name;
}

/**
 * An int8 or int32 constant with its scales, read through DequantizeLinear; zero points are all 0. `packed`: stored as int4, and made int8 by
 * a Cast. ONNX Runtime folds that when it loads the model, before it looks for nodes between Q and DQ, so that the same integer kernel runs.
 */
function dequantizedConstant(
  rewriting: Rewriting,
  hint: string,
  integers:
    | { readonly dtype: 'int8'; readonly data: Int8Array; readonly packed: boolean }
    | { readonly dtype: 'int32'; readonly data: Int32Array; readonly packed: false },
  dims: readonly number[],
  scales: Float32Array,
  axis: number,
): { name: string; constant: string } {
  const shape = scales.length === 1 ? [] : [scales.length];
  const stored: Tensor = integers.packed
    ? { dtype: 'int4', dims, bytes: packBits(new Uint8Array(integers.data), 4) }
    : { dtype: integers.dtype, dims, bytes: bytesOf(integers.data) };
  const constant = rewriting.constant(`${hint}_${stored.dtype}`, stored);
  const read = integers.packed ? rewriting.fresh(`${constant}_unpacked`) : constant;
  if (integers.packed)
    rewriting.emit(
      makeNode('Cast', [constant], [read], { name: rewriting.freshNode(`${constant}_Cast`), attributes: { to: INT8 } }),
    );
  const scale = rewriting.constant(`${constant}_scale`, floats(scales, shape));
  const zeros =
    integers.dtype === 'int8'
      ? tensor('int8', shape, new Int8Array(scales.length))
      : tensor('int32', shape, new Int32Array(scales.length));
  const zeroPoint = rewriting.constant(`${constant}_zero_point`, zeros);
  const name = rewriting.fresh(`${hint}_dequantized`);
  rewriting.emit(
    makeNode('DequantizeLinear', [read, scale, zeroPoint], [name], {
      name: rewriting.freshNode(`${name}_DequantizeLinear`),
      attributes: scales.length === 1 ? {} : { axis },
    }),
  );
  return { name, constant };
}

const bytesOf = (data: Int8Array | Int32Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Input `index` of the bias of the operators that have one inside. */
const BIAS_INPUT: Readonly<Record<string, number>> = { Conv: 2, Gemm: 2 };

/** Weights and bias of a node as int8 and int32, when its operator has them. */
function emitWeights(rewriting: Rewriting, node: Node, inputs: string[], weight: WeightOperand): void {
  const input = node.inputs[0] as string;
  const inputScale = rewriting.activations.get(rewriting.plan.sharedScale.get(input) ?? input)?.scale ?? 1;
  const biasIndex = BIAS_INPUT[node.opType];
  const biasName = biasIndex === undefined ? '' : (node.inputs[biasIndex] ?? '');
  const biasTensor = biasName === '' ? undefined : rewriting.plan.graph.initializers.get(biasName);
  const uncorrected = biasTensor && elements(biasTensor, 'float32');
  const guard = uncorrected && {
    leastScale: (channel: number) => leastWeightScale(uncorrected[channel % uncorrected.length] ?? 0, inputScale),
  };
  const values = elements(weight.tensor, 'float32');
  const packed = rewriting.inFourBits.has(node.name);
  const { stored: quantized, plain } = integersOf(rewriting, node, values, weight.layout, {
    ...guard,
    ...(packed && { largest: LARGEST_INT4 }),
  });
  const { name, constant } = dequantizedConstant(
    rewriting,
    weight.name,
    { dtype: 'int8', data: quantized.integers, packed },
    weight.tensor.dims,
    quantized.scales,
    weight.layout.axis,
  );
  inputs[weight.index] = name;
  rewriting.integerWeights.push({
    node: node.name,
    constant,
    plain,
    largestPair: largestPairSum(
      tensor('int8', weight.tensor.dims, quantized.integers),
      node.opType === 'Conv' ? convSumOrder(weight.tensor.dims.length) : matrixSumOrder(weight.layout.axis === 0),
    ),
  });
  const means = rewriting.inputMeans.get(input);
  const correction =
    means && biasIndex !== undefined ? biasCorrection(node, rewriting.plan.graph, quantized, means) : undefined;
  const added = [correction, rewriting.biasShifts.get(node.name)].filter((each) => each !== undefined);
  const bias =
    added.length > 0
      ? Float64Array.from({ length: weight.layout.channels }, (_, channel) =>
          added.reduce((sum, each) => sum + (each[channel] as number), uncorrected?.[channel] ?? 0),
        )
      : uncorrected;
  if (bias && biasIndex !== undefined) {
    const stored = quantizeBias(bias, inputScale, quantized.scales);
    const integers = { dtype: 'int32', data: stored.integers, packed: false } as const;
    const hint = biasName === '' ? `${node.name}_bias` : biasName;
    inputs[biasIndex] = dequantizedConstant(rewriting, hint, integers, [bias.length], stored.scales, 0).name;
  }
}

const withInputs = (node: Node, inputs: readonly string[], attributes: ReadonlyMap<string, Attribute>): Node =>
  Object.freeze({ ...node, inputs, attributes });

/** A node between Q and DQ: integer activations by calibrated ranges, int8 weights, int32 bias. */
export function emitStatic(rewriting: Rewriting, node: Node): void {
  const inputs = [...node.inputs];
  activationInputs(node).forEach((value, index) => {
    inputs[index] = dequantizedInput(rewriting, value);
  });
  const weight = weightOperands(node, rewriting.plan.graph).find((operand) => operand.index === 1);
  if (weight) emitWeights(rewriting, node, inputs, weight);
  rewriting.emit(withInputs(node, inputs, node.attributes));
}
