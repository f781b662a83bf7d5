import { node as makeNode, type Node } from '../onnx/ir/graph.js';
import { floats, tensor } from '../onnx/ir/tensor.js';
import { middleInteger } from './block-grid.js';
import { BLOCK } from './block-weights.js';
import { emitBias, outputBeforeBias } from './matrix-product.js';
import { matrixWeights } from './matrix-weights.js';
import { packBits } from './pack-bits.js';
import type { Rewriting } from './rewriting.js';

/** MatMulNBits quantizes its activations to INT8 per block; any other level runs a kernel that is many times slower. */
const INT8_ACTIVATIONS = 4;

/**
 * x · W by com.microsoft MatMulNBits, in 2 or 4 bits a weight: packed as [N, blocks, 32 · bits / 8 bytes], scales [N, blocks], zero points
 * packed as [N, blocks], each row filled up to whole bytes; they are left out when all are in the middle.
 */
export function emitWeights4(rewriting: Rewriting, node: Node): void {
  const { name, k, n, alpha } = matrixWeights(node, rewriting.plan.graph);
  const blocked = rewriting.blocked.multiplied.get(name);
  if (!blocked) throw new Error(`${name} was not quantized in blocks`);
  const { bits, symmetric, blocks, integers, scales, zeroPoints } = blocked;
  if (bits === 3) throw new Error('MatMulNBits has no 3 bits');
  const packed = tensor('uint8', [n, blocks, (BLOCK * bits) / 8], packBits(integers, bits));
  const constant = rewriting.constant(`${name}_int${bits}`, packed);
  const scale = rewriting.constant(`${constant}_scale`, floats(scales.map((each) => each * alpha)));
  const zeroPoint = () => {
    const bytes = packBits(zeroPoints, bits, blocks, middleInteger(bits));
    return rewriting.constant(`${constant}_zero_point`, tensor('uint8', [bytes.length], bytes));
  };
  const unbiased = outputBeforeBias(rewriting, node);
  rewriting.integerWeights.push({ node: node.name, constant, largestPair: null });
  const inputs = [node.inputs[0] as string, constant, scale, ...(symmetric ? [] : [zeroPoint()])];
  rewriting.emit(
    makeNode('MatMulNBits', inputs, [unbiased], {
      name: node.name,
      domain: 'com.microsoft',
      attributes: { K: k, N: n, bits, block_size: BLOCK, accuracy_level: INT8_ACTIVATIONS },
    }),
  );
  emitBias(rewriting, node, unbiased);
}
