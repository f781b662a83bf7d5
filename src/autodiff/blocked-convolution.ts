import { intAttribute, intsAttribute, type Node, node } from '../onnx/ir/graph.js';
import { floats } from '../onnx/ir/tensor.js';
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

/** Weights in the layout. */
const reordered = (emit: Emitter, weights: string, dims: readonly number[], { split, perm }: Layout) =>
  emit.reshape(emit.transpose(emit.reshape(weights, split), perm), dims);

/** The nodes of one convolution in the blocked layout; the node itself when it stays as it is. */
function blocked(emit: Emitter, convolution: Node, block: number, trained: ReadonlySet<string>): Node[] {
  const [, weights = ''] = convolution.inputs;
  const constant = !trained.has(weights) && emit.constantOf(weights) !== undefined;
  if (convolution.domain !== '' || constant) return [convolution];
  const start = emit.nodes.length;
  const output = INTO_BLOCKS[convolution.opType]?.(emit, convolution, block);
  if (output === undefined) return [convolution];
  const [y = ''] = convolution.outputs;
  const attributes = { channels: emit.dims(weights)[0] ?? 1 };
  return [...emit.nodes.splice(start), node('ReorderOutput', [output], [y], { name: y, domain, attributes })];
}

/** Writes a convolution in the layout and gives its output there; undefined when it is not worth it. */
type IntoBlocks = (emit: Emitter, convolution: Node, block: number) => string | undefined;

const plainConvolution: IntoBlocks = (emit, convolution, block) => {
  const [x = '', weights = '', bias = ''] = convolution.inputs;
  const dims = emit.dims(weights);
  const group = intAttribute(convolution, 'group', 1);
  const layout = layoutOf(dims, group, block);
  const pads = padsOf(emit, convolution, dims);
  if (!layout || !pads) return undefined;
  const ordered = reordered(emit, weights, dims, layout);
  const input = emit.op('ReorderInput', [x], {}, domain);
  const attributes = {
    kernel_shape: dims.slice(2),
    strides: intsAttribute(convolution, 'strides') ?? [1, 1],
    dilations: intsAttribute(convolution, 'dilations') ?? [1, 1],
    pads,
    group,
  };
  return emit.op('Conv', [input, ordered, ...(bias === '' ? [] : [bias])], attributes, domain);
};

/** x repeated to `sizes` along its last two axes, and 0 but at every `strides`th place, in the layout. */
function spread(
  emit: Emitter,
  x: string,
  channels: number,
  strides: readonly number[],
  sizes: readonly number[],
  block: number,
): string {
  const [height = 1, width = 1] = sizes;
  const [down = 1, across = 1] = strides;
  const kept = Float32Array.from({ length: height * width * block }, (_, i) => {
    const place = Math.floor(i / block);
    return Number(Math.floor(place / width) % down === 0 && (place % width) % across === 0);
  });
  const input = emit.op('ReorderInput', [x], {}, domain);
  if (strides.every((stride) => stride === 1)) return input;
  const repeated = emit.op('Upsample', [input], { scales: [1, 1, ...strides] }, domain);
  const flat = emit.reshape(repeated, [-1, kept.length]);
  return emit.reshape(emit.mul(flat, emit.constant(floats(kept))), [-1, channels, height, width]);
}

/**
 * A depthwise transposed convolution, which ONNX Runtime computes channel by channel on one thread: the convolution of x, zeros between its elements
 * where it has strides, with mirrored weights.
 */
const depthwiseTransposed: IntoBlocks = (emit, convolution, block) => {
  const [x = '', weights = '', bias = ''] = convolution.inputs;
  const dims = emit.dims(weights);
  const [channels = 1, multiplier] = dims;
  const group = intAttribute(convolution, 'group', 1);
  const layout = multiplier === 1 && group === channels ? layoutOf(dims, group, block) : undefined;
  if (!layout || convolution.attributes.has('auto_pad') || convolution.attributes.has('output_shape')) return undefined;
  const [kernel, output] = [dims.slice(2), emit.dims(convolution.outputs[0] ?? '').slice(2)];
  const { strides, dilations, before, after } = windowOf(convolution, kernel, output, []);
  const at = (values: readonly number[], axis: number) => values[axis] ?? 0;
  const leading = kernel.map((size, i) => size - 1 - at(before, i));
  const sizes = kernel.map((size, i) => {
    const stride = at(strides, i);
    return stride * (Math.floor((at(output, i) + at(before, i) + at(after, i) - size) / stride) + 1);
  });
  const trailing = kernel.map((size, i) => at(output, i) - at(sizes, i) - at(leading, i) + size - 1);
  const fits = [...leading, ...trailing].every((pad) => pad >= 0) && dilations.every((dilation) => dilation === 1);
  if (!fits) return undefined;
  const ends = emit.shape([-(2 ** 31), -(2 ** 31)]);
  const backwards = emit.shape([-1, -1]);
  const mirrored = emit.op('Slice', [weights, backwards, ends, emit.shape([2, 3]), backwards]);
  const ordered = reordered(emit, mirrored, dims, layout);
  const input = spread(emit, x, channels, strides, sizes, block);
  const attributes = {
    kernel_shape: kernel,
    strides: [1, 1],
    dilations: [1, 1],
    pads: [...leading, ...trailing],
    group,
  };
  return emit.op('Conv', [input, ordered, ...(bias === '' ? [] : [bias])], attributes, domain);
};

const INTO_BLOCKS: Readonly<Record<string, IntoBlocks>> = {
  Conv: plainConvolution,
  ConvTranspose: depthwiseTransposed,
};

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
 * @param trained constants that will be inputs
 */
export function blockConvolutions(
  nodes: readonly Node[],
  emit: Emitter,
  block: number,
  trained: ReadonlySet<string>,
): Node[] {
  return block === 1 ? [...nodes] : nodes.flatMap((each) => blocked(emit, each, block, trained));
}
