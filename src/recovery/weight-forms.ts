import { intAttribute, node as makeNode, type Node } from '../onnx/ir/graph.js';
import { numbers } from '../onnx/ir/numbers.js';
import { elementCount, floats, int64s, type Tensor, tensor } from '../onnx/ir/tensor.js';
import { packBits, unpackBits } from '../quantization/pack-bits.js';
import { bitPlanes } from './bit-planes.js';
import { type Integers, integerType, usedRange } from './packed-integers.js';
import { safeOrder, withSafePairs } from './safe-pairs.js';
import type { StoredWeight, WeightForm } from './stored-weight.js';
import type { TrainingGraph } from './training-graph.js';

const outputOf = (node: Node): string => node.outputs[0] ?? '';

/**
 * A constant of one integer an element as a stored weight, all but what becomes of it.
 * @param reader the node that multiplies by it
 */
function plainWeight(constant: string, graph: TrainingGraph, reader?: Node) {
  const stored = graph.editor.constant(constant);
  const type = integerType(stored?.dtype);
  if (!stored || !type || elementCount(stored.dims) === 0) return undefined;
  const { dims } = stored;
  const integers = type.read(stored);
  const order = safeOrder(stored, reader, graph);
  return {
    ...{ constants: [constant], dims, integers, range: usedRange(integers, type.range) },
    store: (changed: Integers) => [type.write(dims, order ? withSafePairs(changed, dims, order) : changed)],
  };
}

/** Whether a value is only subtracted, as it is or times a number: then it holds zero points, whole or in parts of a step. */
function holdsZeroPoints(value: string, graph: TrainingGraph): boolean {
  const uses = graph.editor.uses(value);
  return uses.every(({ node, index }) => {
    if (node.opType === 'Sub') return index === 1;
    const factor = graph.editor.constant(node.inputs[1 - index] ?? '');
    return node.opType === 'Mul' && factor?.dims.length === 0 && holdsZeroPoints(outputOf(node), graph);
  });
}

const FLOAT32 = 1;

/** Cast of integers to float. */
const cast: WeightForm = (node, graph) => {
  if (node.opType !== 'Cast' || intAttribute(node, 'to', FLOAT32) !== FLOAT32) return undefined;
  if (holdsZeroPoints(outputOf(node), graph)) return undefined;
  const weight = plainWeight(node.inputs[0] ?? '', graph);
  return (
    weight && {
      ...weight,
      replaces: [node],
      restore: (rounded) => [makeNode('Identity', [rounded], [outputOf(node)])],
    }
  );
};

/** Parameters per channel as a shape that broadcasts against the weight. */
function broadcast(parameters: Tensor, rank: number, axis: number): Tensor {
  const values = numbers(parameters);
  if (values.length === 1) return floats(values, []);
  return floats(
    values,
    Array.from({ length: rank }, (_, i) => (i === (axis < 0 ? axis + rank : axis) ? values.length : 1)),
  );
}

/** Whether a node adds int32, which counts in steps of its input's scale times its weight's. */
function addsIntegers(reader: Node | undefined, { editor }: TrainingGraph): boolean {
  const bias = editor.producer(reader?.inputs[2] ?? '');
  return bias?.opType === 'DequantizeLinear' && editor.constant(bias.inputs[0] ?? '')?.dtype === 'int32';
}

/** (integers − zero point) · scale by DequantizeLinear, one scale for all or one per channel; integers of 4 bits pass a Cast to int8. */
const dequantize: WeightForm = (node, graph) => {
  const { editor } = graph;
  if (node.opType !== 'DequantizeLinear' || intAttribute(node, 'block_size', 0) !== 0) return undefined;
  const [integers = '', scaleName = '', zeroName = ''] = node.inputs;
  const producer = editor.producer(integers);
  const unpacking = producer?.opType === 'Cast' && editor.soleConsumer(integers) === node ? [producer] : [];
  const constant = unpacking[0]?.inputs[0] ?? integers;
  const reader = editor.soleConsumer(outputOf(node));
  const weight = plainWeight(constant, graph, reader);
  const scale = editor.constant(scaleName);
  const learnable = reader !== undefined && !addsIntegers(reader, graph);
  if (!weight || scale?.dtype !== 'float32') return undefined;
  const zero = editor.constant(zeroName);
  const zeroPoints = integerType(zero?.dtype)?.read(zero as Tensor);
  const axis = intAttribute(node, 'axis', 1);
  const rank = weight.dims.length;
  return {
    ...weight,
    replaces: [...unpacking, node],
    restore(rounded) {
      const [hint, held] = [`${constant}_scale`, broadcast(scale, rank, axis)];
      const scales = learnable ? graph.scales(hint, held, scaleName) : graph.constant(hint, held);
      const output = outputOf(node);
      if (!zeroPoints?.some((point) => point !== 0)) return [makeNode('Mul', [rounded, scales], [output])];
      const points = floats(zeroPoints, zero?.dims);
      const zeros = graph.constant(`${constant}_zero_point`, broadcast(points, rank, axis));
      return [
        makeNode('Sub', [rounded, zeros], [`${output}/centred`]),
        makeNode('Mul', [`${output}/centred`, scales], [output]),
      ];
    },
  };
};

/** x · W by com.microsoft MatMulNBits: integers [N, blocks of K, block size] in 2 or 4 bits, one scale and zero point per block. */
const product: WeightForm = (node, graph) => {
  const { editor } = graph;
  if (node.opType !== 'MatMulNBits' || node.domain !== 'com.microsoft') return undefined;
  const [x = '', constant = '', scaleName = '', zeroName = '', order = '', bias = ''] = node.inputs;
  const [stored, scale, zero] = [constant, scaleName, zeroName].map((name) => editor.constant(name));
  const [bits, block] = [intAttribute(node, 'bits', 4), intAttribute(node, 'block_size', 32)];
  const [k, n] = [intAttribute(node, 'K', 1), intAttribute(node, 'N', 1)];
  if (stored?.dtype !== 'uint8' || scale?.dtype !== 'float32' || order !== '' || bias !== '') return undefined;
  if ((zeroName !== '' && zero?.dtype !== 'uint8') || (bits !== 2 && bits !== 4)) return undefined;
  const blocks = Math.ceil(k / block);
  const dims = [n, blocks, block];
  const zeroPoints = zero
    ? unpackBits(zero.bytes, bits, n * blocks, blocks)
    : new Float32Array(n * blocks).fill(2 ** (bits - 1));
  const integers = Float32Array.from(unpackBits(stored.bytes, bits, elementCount(dims), block));
  return {
    ...{ constants: [constant], dims, integers, range: [0, 2 ** bits - 1], replaces: [node] },
    restore(rounded) {
      const output = outputOf(node);
      const value = (part: string) => `${output}/${part}`;
      const constantOf = (part: string, held: Tensor) => graph.constant(`${constant}_${part}`, held);
      const perBlock = (held: ArrayLike<number>) => floats(held, [n, blocks, 1]);
      const scales = graph.scales(`${constant}_scale`, perBlock(numbers(scale)), scaleName);
      return [
        makeNode('Sub', [rounded, constantOf('zero_point', perBlock(zeroPoints))], [value('centred')]),
        makeNode('Mul', [value('centred'), scales], [value('scaled')]),
        makeNode('Reshape', [value('scaled'), constantOf('rows', int64s([n, blocks * block]))], [value('rows')]),
        makeNode(
          'Slice',
          [value('rows'), ...[0, k, 1].map((at, i) => constantOf(['start', 'end', 'axis'][i] ?? '', int64s([at])))],
          [value('filled')],
        ),
        makeNode('Transpose', [value('filled')], [value('weights')], { attributes: { perm: [1, 0] } }),
        makeNode('MatMul', [x, value('weights')], [output], { name: node.name }),
      ];
    },
    store: (changed) => [tensor('uint8', stored.dims, packBits(Uint8Array.from(changed), bits, block))],
  };
};

/** The only node that reads a value, when it is of this operator. */
function sole(value: string, opType: string, { editor }: TrainingGraph): Node | undefined {
  const reader = editor.soleConsumer(value);
  return reader?.opType === opType ? reader : undefined;
}

const otherInput = ({ inputs }: Node, input: string): string => inputs.find((each) => each !== input) ?? '';

/**
 * float(MatMulInteger(x̂, W)) · (scale of x · scales of W) of an x that DynamicQuantizeLinear rounds: x̂ is dequantized before the product
 * instead of after it.
 */
const dynamicProduct: WeightForm = (node, graph) => {
  const { editor } = graph;
  const [x = '', constant = '', xZero = '', zeroName = ''] = node.inputs;
  const quantizer = editor.producer(x);
  if (node.opType !== 'MatMulInteger' || quantizer?.opType !== 'DynamicQuantizeLinear') return undefined;
  const [, scaleOfX = ''] = quantizer.outputs;
  const toFloat = sole(outputOf(node), 'Cast', graph);
  const scaled = toFloat && sole(outputOf(toFloat), 'Mul', graph);
  if (!scaled) return undefined;
  const factor = editor.producer(otherInput(scaled, outputOf(toFloat)));
  if (factor?.opType !== 'Mul' || sole(outputOf(factor), 'Mul', graph) !== scaled) return undefined;
  const weight = plainWeight(constant, graph, node);
  const scaleName = otherInput(factor, scaleOfX);
  const scale = editor.constant(scaleName);
  const zero = editor.constant(zeroName);
  if (!weight || scale?.dtype !== 'float32' || zero?.bytes.some((byte) => byte !== 0)) return undefined;
  const output = outputOf(scaled);
  return {
    ...weight,
    replaces: [node, toFloat, factor, scaled],
    restore: (rounded) => [
      makeNode('DequantizeLinear', [x, scaleOfX, xZero], [`${output}/x`]),
      makeNode('Mul', [rounded, graph.scales(`${constant}_scale`, scale, scaleName)], [`${output}/weights`]),
      makeNode('MatMul', [`${output}/x`, `${output}/weights`], [output], { name: node.name }),
    ],
  };
};

const FORMS: readonly WeightForm[] = [bitPlanes, cast, dequantize, product, dynamicProduct];

/** The stored weight whose integers a node reads; undefined for every other node. */
export function storedWeight(node: Node, graph: TrainingGraph): StoredWeight | undefined {
  for (const form of FORMS) {
    const found = form(node, graph);
    if (found) return found;
  }
  return undefined;
}
