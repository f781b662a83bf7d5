import { node as makeNode, type Node } from '../onnx/ir/graph.js';
import { floats, tensor } from '../onnx/ir/tensor.js';
import { largestPairSum, matrixSumOrder } from '../onnx/saturation.js';
import { emitBias, outputBeforeBias } from './matrix-product.js';
import { matrixWeights } from './matrix-weights.js';
import { integersOf, type Rewriting } from './rewriting.js';
import { matrixLayout } from './weight-layout.js';

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
  rewriting.emit(
    makeNode('DynamicQuantizeLinear', [value], [...outputs], {
      name: rewriting.freshNode(`${value}_DynamicQuantizeLinear`),
    }),
  );
  return outputs;
}

/**
 * x · W as float(MatMulInteger(quantized x, int8 W)) · (scale of x · scales of W), then + beta · C for a Gemm. ONNX Runtime makes one
 * kernel of it: DynamicQuantizeMatMul, or MatMulIntegerToFloat when several products read one quantized input.
 */
export function emitDynamic(rewriting: Rewriting, node: Node): void {
  const { name, k, n, values, alpha } = matrixWeights(node, rewriting.plan.graph);
  const { stored: quantized, plain } = integersOf(rewriting, node, values, matrixLayout([k, n], false));

  const integerWeights = tensor('int8', [k, n], quantized.integers);
  const constant = rewriting.constant(`${name}_int8`, integerWeights);
  rewriting.integerWeights.push({
    node: node.name,
    constant,
    plain,
    largestPair: largestPairSum(integerWeights, matrixSumOrder()),
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
  const [sum, sumFloat, scale] = ['integer', 'float', 'scale'].map((part) => rewriting.fresh(`${output}_${part}`)) as [
    string,
    string,
    string,
  ];
  const unbiased = outputBeforeBias(rewriting, node);
  rewriting.emit(
    makeNode('MatMulInteger', [integers, constant, inputZero, weightZero], [sum], { name: node.name }),
    makeNode('Cast', [sum], [sumFloat], {
      name: rewriting.freshNode(`${node.name}_Cast`),
      attributes: { to: FLOAT32 },
    }),
    makeNode('Mul', [inputScale, weightScale], [scale], { name: rewriting.freshNode(`${node.name}_scale_Mul`) }),
    makeNode('Mul', [sumFloat, scale], [unbiased], { name: rewriting.freshNode(`${node.name}_Mul`) }),
  );
  emitBias(rewriting, node, unbiased);
}
