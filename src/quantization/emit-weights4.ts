import { node as makeNode, type Node } from '../onnx/ir/graph.js';
import { floats, tensor } from '../onnx/ir/tensor.js';
import { BLOCK, MIDDLE, packNibbles, quantizeInBlocks } from './block-weights.js';
import { emitBias, matrixWeights, outputBeforeBias } from './matrix-product.js';
import type { Rewriting } from './rewriting.js';

/** MatMulNBits quantizes its activations to INT8 per block; any other level runs a kernel that is many times slower. */
const INT8_ACTIVATIONS = 4;

/**
 * x · W by com.microsoft MatMulNBits: 4 bits a weight, packed as [N, blocks, 16 bytes], scales [N, blocks], zero points packed
 * [N, blocks / 2], left out when all are 8.
 */
export function emitWeights4(rewriting: Rewriting, node: Node): void {
  const { name, k, n, values, alpha } = matrixWeights(node, rewriting.plan.graph);
  const { blocks, integers, scales, zeroPoints } = quantizeInBlocks(
    { channels: n, k },
    (channel, row) => values[row * n + channel] as number,
    rewriting.weights,
  );
  const packed = tensor('uint8', [n, blocks, BLOCK / 2], packNibbles(integers, blocks * BLOCK));
  const constant = rewriting.constant(`${name}_int4`, packed);
  const scale = rewriting.constant(`${constant}_scale`, floats(scales.map((each) => each * alpha)));
  const zeroPoint = () => {
    const bytes = packNibbles(zeroPoints, blocks, MIDDLE);
    return rewriting.constant(`${constant}_zero_point`, tensor('uint8', [bytes.length], bytes));
  };
  const unbiased = outputBeforeBias(rewriting, node);
  rewriting.integerWeights.push({ node: node.name, constant, exactEverywhere: true });
  const inputs = [node.inputs[0] as string, constant, scale, ...(rewriting.weights.symmetric ? [] : [zeroPoint()])];
  rewriting.emit(
    makeNode('MatMulNBits', inputs, [unbiased], {
      name: node.name,
      domain: 'com.microsoft',
      attributes: { K: k, N: n, bits: 4, block_size: BLOCK, accuracy_level: INT8_ACTIVATIONS },
    }),
  );
  emitBias(rewriting, node, unbiased);
}
