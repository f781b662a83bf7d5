import { intAttribute, intsAttribute, type Node, node } from '../onnx/ir/graph.js';
import type { Emitter } from './emitter.js';
import { windowOf } from './window.js';

/** ONNX Runtime's own operators on its blocked layout NCHWc, where the channels of a block lie together behind the picture. */
export const BLOCKED_OPERATORS = { domain: 'com.microsoft.nchwc', version: 1 } as const;
const { domain } = BLOCKED_OPERATORS;

/** How weights [O, I, kH, kW] are laid out for blocks of b: split to a shape, then permuted. */
interface Layout {
  readonly split: readonly number[];
  readonly perm: readonly number[];
}

/** Depthwise weights become [O/b, 1, kH, kW, b]; dense ones [O/b, I/b, kH, kW, b of I, b of O]. Others have no kernel, or are not worth it. */
function layoutOf(weights: readonly number[], group: number, block: number): Layout | undefined {
  const [outputs = 1, inputs = 1, height = 1, width = 1] = weights;
  if (weights.length !== 4 || height * width === 1 || outputs % block !== 0) return undefined;
  if (group === outputs && inputs === 1)
    return { split: [outputs / block, block, 1, height, width], perm: [0, 2, 3, 4, 1] };
  if (group !== 1 || inputs % block !== 0) return undefined;
  return { split: [outputs / block, block, inputs / block, block, height, width], perm: [0, 2, 4, 5, 3, 1] };
}

/** The nodes of one convolution in the blocked layout; the node itself when it stays as it is. */
function blocked(emit: Emitter, convolution: Node, block: number): Node[] {
  const [x = '', weights = '', bias = ''] = convolution.inputs;
  const [y = ''] = convolution.outputs;
  const plain = convolution.opType === 'Conv' && convolution.domain === '' && emit.constantOf(weights) === undefined;
  if (!plain) return [convolution];
  const dims = emit.dims(weights);
  const group = intAttribute(convolution, 'group', 1);
  const layout = layoutOf(dims, group, block);
  const pads = padsOf(emit, convolution, dims);
  if (!layout || !pads) return [convolution];
  const start = emit.nodes.length;
  const reordered = emit.reshape(emit.transpose(emit.reshape(weights, layout.split), layout.perm), dims);
  const input = emit.op('ReorderInput', [x], {}, domain);
  const output = emit.op(
    'Conv',
    [input, reordered, ...(bias === '' ? [] : [bias])],
    {
      kernel_shape: dims.slice(2),
      strides: intsAttribute(convolution, 'strides') ?? [1, 1],
      dilations: intsAttribute(convolution, 'dilations') ?? [1, 1],
      pads,
      group,
    },
    domain,
  );
  const nodes = emit.nodes.splice(start);
  return [...nodes, node('ReorderOutput', [output], [y], { name: y, domain, attributes: { channels: dims[0] ?? 1 } })];
}

/** Pads of a convolution; those of auto_pad only where the shapes are known that they follow from. */
function padsOf(emit: Emitter, convolution: Node, weights: readonly number[]): number[] | undefined {
  if (!convolution.attributes.has('auto_pad')) return [...(intsAttribute(convolution, 'pads') ?? [0, 0, 0, 0])];
  const [x = ''] = convolution.inputs;
  const sizes = [emit.dims(x), emit.dims(convolution.outputs[0] ?? '')].map((dims) => dims.slice(2));
  const { before, after } = windowOf(convolution, weights.slice(2), sizes[0] ?? [], sizes[1] ?? []);
  return [...before, ...after];
}

/**
 * Convolutions whose weights are no constants, in ONNX Runtime's blocked layout. It chooses that layout by itself when weights are
 * constants; a training graph has them as inputs and would run the plain kernels, 1.3 times slower for dense 3x3 convolutions and 2 to 6 times for
 * depthwise ones (measured on AVX2). The sums are the same, in another order.
 * @param emit knows the shape of every weight, and takes the new constants
 * @param block channels per block of this CPU, see `blockSize`; 1 leaves the nodes as they are
 */
export function blockConvolutions(nodes: readonly Node[], emit: Emitter, block: number): Node[] {
  return block === 1 ? [...nodes] : nodes.flatMap((each) => blocked(emit, each, block));
}
