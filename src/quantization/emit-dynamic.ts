import { floatAttribute, node as makeNode, type Node } from '../onnx/ir/graph.js';
import { elements, floats, tensor } from '../onnx/ir/tensor.js';
import { isExactOnEveryCpu, matrixSumOrder } from '../onnx/saturation.js';
import type { Rewriting } from './rewriting.js';
import { matrixLayout } from './weight-layout.js';
import { weightOperands } from './weight-operands.js';
import { quantizeWeights } from './weights.js';

/** ONNX's code of float32, for Cast. */
const FLOAT32 = 1;

/** DynamicQuantizeLinear of an activation, shared by all products that read it. */
function dynamicallyQuantized(rewriting: Rewriting, value: string): readonly [string, string, string] {
  const known = rewriting.dynamicallyQuantized.get(value);
  if (known) return known;
  const outputs = [
    rewriting.fresh(`${value}_quantized`),
    rewriting.fresh(`${value}_scale`),
    rewriting.fresh(`${value}_zero_point`),
  ] as const;
  rewriting.dynamicallyQuantized.set(value, outputs);
  rewriting.emit(makeNode('DynamicQuantizeLinear', [value], [...outputs], { name: `${value}_DynamicQuantizeLinear` }));
  return outputs;
}

/** The transpose of a row-major matrix. */
function transposed(weights: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(weights.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = weights[row * columns + column] as number;
    }
  }
  return result;
}

/**
 * x · W as float(MatMulInteger(quantized x, int8 W)) · (scale of x · scales of W), then + beta · C for a Gemm. ONNX Runtime makes one
 * kernel of it: DynamicQuantizeMatMul, or MatMulIntegerToFloat when several products read one quantized input.
 */
export function emitDynamic(rewriting: Rewriting, node: Node): void {
  const weight = weightOperands(node, rewriting.plan.graph).find((operand) => operand.index === 1);
  if (!weight) throw new Error(`${node.name} has no constant weights`);
  const isTransposed = node.opType === 'Gemm' && weight.layout.axis === 0;
  const [rows = 1, columns = 1] = weight.tensor.dims;
  const [k, n] = isTransposed ? [columns, rows] : [rows, columns];
  const values = elements(weight.tensor, 'float32');
  const layout = matrixLayout([k, n], false);
  const quantized = quantizeWeights(isTransposed ? transposed(values, rows, columns) : values, layout, rewriting);
  const alpha = node.opType === 'Gemm' ? floatAttribute(node, 'alpha', 1) : 1;

  const integerWeights = tensor('int8', [k, n], quantized.integers);
  const constant = rewriting.constant(`${weight.name}_int8`, integerWeights);
  rewriting.integerWeights.push({
    node: node.name,
    constant,
    exactEverywhere: isExactOnEveryCpu(integerWeights, matrixSumOrder()),
  });
  const scaleShape = quantized.scales.length === 1 ? [] : [n];
  const scales = quantized.scales.map((scale) => scale * alpha);
  const weightScale = rewriting.constant(`${constant}_scale`, floats(scales, scaleShape));
  const weightZero = rewriting.constant(
    `${constant}_zero_point`,
    tensor('int8', scaleShape, new Int8Array(quantized.scales.length)),
  );
  const [integers, inputScale, inputZero] = dynamicallyQuantized(rewriting, node.inputs[0] as string);
  const output = node.outputs[0] as string;
  const bias = node.opType === 'Gemm' ? (node.inputs[2] ?? '') : '';
  const [sum, sumFloat, scale, product] = ['integer', 'float', 'scale', 'product'].map((part) =>
    rewriting.fresh(`${output}_${part}`),
  ) as [string, string, string, string];
  const unbiased = bias === '' ? output : product;
  rewriting.emit(
    makeNode('MatMulInteger', [integers, constant, inputZero, weightZero], [sum], { name: node.name }),
    makeNode('Cast', [sum], [sumFloat], { name: `${node.name}_Cast`, attributes: { to: FLOAT32 } }),
    makeNode('Mul', [inputScale, weightScale], [scale], { name: `${node.name}_scale_Mul` }),
    makeNode('Mul', [sumFloat, scale], [unbiased], { name: `${node.name}_Mul` }),
  );
  if (bias === '') return;
  const beta = floatAttribute(node, 'beta', 1);
  let addend = bias;
  if (beta !== 1) {
    addend = rewriting.fresh(`${output}_bias`);
    const factor = rewriting.constant(`${output}_beta`, floats([beta], []));
    rewriting.emit(makeNode('Mul', [bias, factor], [addend], { name: `${node.name}_beta_Mul` }));
  }
  rewriting.emit(makeNode('Add', [unbiased, addend], [output], { name: `${node.name}_Add` }));
}
