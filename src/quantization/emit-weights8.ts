import { node as makeNode, type Node } from '../onnx/ir/graph.js';
import { floats, tensor } from '../onnx/ir/tensor.js';
import { emitBias, outputBeforeBias } from './matrix-product.js';
import { matrixWeights } from './matrix-weights.js';
import type { Rewriting } from './rewriting.js';
import { matrixLayout } from './weight-layout.js';
import { quantizeWeights } from './weights.js';

/** MatMulNBits cancels an offset in float: at a scale of 1, weights that are all 0 would give 1e-5 of their input. */
const SCALE_OF_ZEROS = 2 ** -100;

/** The scales of columns, minute where all integers of a column are 0. */
function multipliedScales(integers: Int8Array, scales: Float32Array): Float32Array<ArrayBuffer> {
  const columns = scales.length;
  const zeros = new Uint8Array(columns).fill(1);
  for (let i = 0; i < integers.length; i++) if (integers[i] !== 0) zeros[i % columns] = 0;
  return Float32Array.from(scales, (scale, column) => (zeros[column] ? SCALE_OF_ZEROS : scale));
}

/**
 * x · DequantizeLinear(int8 W, one scale per column), in standard operators of opset 13. ONNX Runtime makes one MatMulNBits of both,
 * which multiplies in INT8 and sums in 32 bits: it is exact on every CPU.
 */
export function emitWeights8(rewriting: Rewriting, node: Node): void {
  const { name, k, n, values, alpha } = matrixWeights(node, rewriting.plan.graph);
  const { integers, scales } = quantizeWeights(values, matrixLayout([k, n], false), {
    perChannel: true,
    avoidSaturation: false,
  });
  const constant = rewriting.constant(`${name}_int8`, tensor('int8', [k, n], integers));
  const scale = rewriting.constant(
    `${constant}_scale`,
    floats(multipliedScales(integers, scales).map((each) => each * alpha)),
  );
  const restored = rewriting.fresh(`${constant}_float`);
  const unbiased = outputBeforeBias(rewriting, node);
  rewriting.integerWeights.push({ node: node.name, constant, largestPair: null });
  rewriting.emit(
    makeNode('DequantizeLinear', [constant, scale], [restored], {
      name: rewriting.freshNode(`${node.name}_DequantizeLinear`),
      attributes: { axis: 1 },
    }),
    makeNode('MatMul', [node.inputs[0] as string, restored], [unbiased], { name: node.name }),
  );
  emitBias(rewriting, node, unbiased);
}
