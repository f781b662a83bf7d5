import { floats } from '../../onnx/ir/tensor.js';
import type { Emitter } from '../emitter.js';
import type { GradientRule, RuleTable } from '../rule.js';
import { kernelOffsets, outputPadding, type Window, windowOf } from '../window.js';

interface Convolution extends Window {
  readonly x: string;
  readonly weights: string;
  readonly g: string;
  readonly xDims: readonly number[];
  readonly wDims: readonly number[];
  readonly gDims: readonly number[];
}

const spatialProduct = (dims: readonly number[]) => dims.slice(2).reduce((a, b) => a * b, 1);

/** One filter per channel. */
const isDepthwise = (c: Convolution) => c.group === c.xDims[1] && c.group === c.gDims[1];

/** By the input: the transposed convolution of g with the same weights. */
function inputGradient(emit: Emitter, c: Convolution): string {
  const plain = (c.group === 1 || isDepthwise(c)) && [...c.strides, ...c.dilations].every((s) => s === 1);
  const fits = c.kernel.every((k, i) => k - 1 >= (c.before[i] ?? 0) && k - 1 >= (c.after[i] ?? 0));
  return plain && fits ? flippedConvolution(emit, c) : transposedConvolution(emit, c);
}

/** With stride 1 it is an ordinary convolution with mirrored weights, which has the faster kernel. */
function flippedConvolution(emit: Emitter, c: Convolution): string {
  const axes = c.kernel.map((_, i) => i + 2);
  const [outputs = 1, inputs = 1] = c.wDims;
  const depthwise = isDepthwise(c) && c.group > 1;
  const swapped = depthwise ? c.weights : emit.transpose(c.weights, [1, 0, ...axes]);
  const ends = emit.shape(axes.map(() => -(2 ** 31)));
  const starts = emit.shape(axes.map(() => -1));
  const mirrored = c.kernel.every((k) => k === 1)
    ? swapped
    : emit.op('Slice', [swapped, starts, ends, emit.shape(axes), starts]);
  emit.state(mirrored, [...(depthwise ? [outputs, 1] : [inputs, outputs]), ...c.kernel]);
  const margin = (pads: readonly number[]) => c.kernel.map((k, i) => k - 1 - (pads[i] ?? 0));
  return emit.op('Conv', [c.g, mirrored], {
    kernel_shape: [...c.kernel],
    pads: [...margin(c.before), ...margin(c.after)],
    group: depthwise ? c.group : 1,
  });
}

function transposedConvolution(emit: Emitter, c: Convolution): string {
  const gradient = emit.op('ConvTranspose', [c.g, c.weights], {
    kernel_shape: [...c.kernel],
    strides: [...c.strides],
    dilations: [...c.dilations],
    pads: [...c.before, ...c.after],
    group: c.group,
    output_padding: outputPadding(c, c.xDims.slice(2)),
  });
  return emit.state(gradient, c.xDims);
}

/** The padded input as each kernel offset sees it: one strided slice per offset, in the shape of the output. */
function offsetSlices(emit: Emitter, c: Convolution): string[] {
  const rank = c.kernel.length;
  const pads = [0, 0, ...c.before, 0, 0, ...c.after];
  const padded = pads.some((pad) => pad !== 0) ? emit.op('Pad', [c.x, emit.shape(pads)]) : c.x;
  const axes = emit.shape(Array.from({ length: rank }, (_, i) => i + 2));
  return kernelOffsets(c.kernel).map((offset) => {
    const starts = offset.map((o, i) => o * (c.dilations[i] ?? 1));
    const ends = starts.map((start, i) => start + ((c.gDims[i + 2] ?? 1) - 1) * (c.strides[i] ?? 1) + 1);
    return emit.op('Slice', [padded, emit.shape(starts), emit.shape(ends), axes, emit.shape(c.strides)]);
  });
}

/** Σ over samples of G [N, M, L] · Sᵀ [N, L, C]. */
const summedProduct = (emit: Emitter, g: string, slice: string) =>
  emit.sum(emit.matmul(g, slice, { transB: true }), [0], false);

/** Input channels up to which a product per sample beats one over all samples, which transposes g. */
const FEW_CHANNELS = 8;
/** Largest matrix of gathered inputs, in elements (64 MB): beyond, one product per kernel offset keeps memory low and costs a tenth more. */
const MOST_GATHERED = 2 ** 24;

/** One group: matrix products of the input as each kernel offset sees it with g. */
function denseWeightGradient(emit: Emitter, c: Convolution): string {
  const [n = 1, m = 1] = c.gDims;
  const channels = c.xDims[1] ?? 1;
  const positions = spatialProduct(c.gDims);
  const g = () => emit.reshape(c.g, [n, m, positions]);
  const offsets = kernelOffsets(c.kernel).length;
  if (offsets === 1 && [...c.strides].every((s) => s === 1) && [...c.before, ...c.after].every((pad) => pad === 0)) {
    return emit.reshape(summedProduct(emit, g(), emit.reshape(c.x, [n, channels, positions])), c.wDims);
  }
  const ordered = (product: string) =>
    emit.reshape(emit.transpose(emit.reshape(product, [offsets, channels, m]), [2, 1, 0]), c.wDims);
  if (channels <= FEW_CHANNELS) {
    const slices = offsetSlices(emit, c).map((slice) => emit.reshape(slice, [n, channels, positions]));
    return ordered(summedProduct(emit, joined(emit, slices, 1), g()));
  }
  const swapped = [1, 0, ...c.kernel.map((_, i) => i + 2)];
  const byChannel = offsetSlices(emit, { ...c, x: emit.transpose(c.x, swapped) });
  const rows = byChannel.map((slice) => emit.reshape(slice, [channels, n * positions]));
  const columns = emit.reshape(emit.transpose(c.g, swapped), [m, n * positions]);
  const product = (row: string) => emit.op('Gemm', [row, columns], { transB: 1 });
  return offsets * channels * n * positions <= MOST_GATHERED
    ? ordered(product(joined(emit, rows, 0)))
    : ordered(joined(emit, rows.map(product), 0));
}

const joined = (emit: Emitter, parts: readonly string[], axis: number) =>
  parts.length === 1 ? (parts[0] ?? '') : emit.op('Concat', parts, { axis });

/** Rows `first` to `last` of an […, H, W] value, every `step`th; the value itself where these are all. */
function rowsOf(emit: Emitter, value: string, height: number, first: number, last: number, step: number): string {
  if (first === 0 && last === height - 1 && step === 1) return value;
  return emit.op('Slice', [value, ...[[first], [last + 1], [2], [step]].map((values) => emit.shape(values))]);
}

/** Elements of the constant that picks the pairs of columns (4 MB); it grows with the square of a picture's width. */
const MOST_PICKED = 2 ** 20;

/** Whether all pairs of columns, and the constant that adds them up, stay small: not so for sound, one row of very many columns. */
function fewColumns({ xDims, gDims, kernel }: Convolution): boolean {
  const pairs = (gDims[3] ?? 1) * (xDims[3] ?? 1);
  return pairs * (kernel[1] ?? 1) <= MOST_PICKED && pairs * (gDims[1] ?? 1) <= MOST_GATHERED;
}

/**
 * One filter per channel, over pictures: for each row of the kernel one product per channel, the rows of G that meet a row of the input,
 * [N·rows, oW], by these rows X [N·rows, W], gives all pairs of columns (o, w); the kernel's column j is the sum over the pairs
 * w = o · stride + j · dilation − pad, which a product with a constant of zeros and ones adds up. Nothing is padded.
 * Wide pictures are left to the element-wise way, whose memory is that of the picture.
 */
function depthwiseWeightGradient(emit: Emitter, c: Convolution): string {
  const [n = 1, channels = 1, height = 1, width = 1] = c.gDims;
  const [kernelRows = 1, kernelColumns] = c.kernel;
  if (kernelColumns === undefined || c.kernel.length !== 2 || !fewColumns(c)) return elementwiseWeightGradient(emit, c);
  const [, , inputHeight = 1, inputWidth = 1] = c.xDims;
  const [rowStride = 1, columnStride = 1] = c.strides;
  const [rowDilation = 1, columnDilation = 1] = c.dilations;
  const [above = 0, left = 0] = c.before;
  const swapped = [1, 0, 2, 3];
  const x = emit.transpose(c.x, swapped);
  const g = emit.transpose(c.g, swapped);
  const pairs = new Float32Array(width * inputWidth * kernelColumns);
  for (let o = 0; o < width; o++)
    for (let j = 0; j < kernelColumns; j++) {
      const w = o * columnStride + j * columnDilation - left;
      if (w >= 0 && w < inputWidth) pairs[(o * inputWidth + w) * kernelColumns + j] = 1;
    }
  const chosen = emit.constant(floats(pairs, [width * inputWidth, kernelColumns]));
  const sums = Array.from({ length: kernelRows }, (_, row) => {
    const offset = row * rowDilation - above;
    const first = Math.max(0, Math.ceil(-offset / rowStride));
    const last = Math.min(height - 1, Math.floor((inputHeight - 1 - offset) / rowStride));
    if (last < first)
      return emit.constant(floats(new Float32Array(channels * kernelColumns), [channels, kernelColumns]));
    const rows = n * (last - first + 1);
    const from = first * rowStride + offset;
    const met = rowsOf(emit, x, inputHeight, from, last * rowStride + offset, rowStride);
    const meeting = emit.reshape(rowsOf(emit, g, height, first, last, 1), [channels, rows, width]);
    const products = emit.matmul(meeting, emit.reshape(met, [channels, rows, inputWidth]), { transA: true });
    return emit.matmul(emit.reshape(products, [channels, width * inputWidth]), chosen);
  });
  return emit.reshape(joined(emit, sums, 1), c.wDims);
}

/** One filter per channel: an element-wise product and a sum for each offset. */
function elementwiseWeightGradient(emit: Emitter, c: Convolution): string {
  const axes = [0, ...c.kernel.map((_, i) => i + 2)];
  const sums = offsetSlices(emit, c).map((slice) => emit.reshape(emit.sum(emit.mul(slice, c.g), axes, false), [-1, 1]));
  return emit.reshape(joined(emit, sums, 1), c.wDims);
}

/**
 * Any groups: the convolution with samples and channels swapped, X as [C/G, G·N, …] and g as its filters, where strides and
 * dilations change places. An end of the input that no window reached is cut off first.
 */
function groupedWeightGradient(emit: Emitter, c: Convolution): string {
  const [n = 1, m = 1] = c.gDims;
  const channels = (c.xDims[1] ?? 1) / c.group;
  const spatial = c.kernel.map((_, i) => i + 2);
  const ends = c.kernel.map(
    (k, i) =>
      (c.dilations[i] ?? 1) * (k - 1) +
      (c.strides[i] ?? 1) * ((c.gDims[i + 2] ?? 1) - 1) +
      1 -
      (c.xDims[i + 2] ?? 1) -
      (c.before[i] ?? 0),
  );
  const cut = ends.some((end) => end < 0)
    ? emit.op('Pad', [c.x, emit.shape([0, 0, ...spatial.map(() => 0), 0, 0, ...ends.map((end) => Math.min(0, end))])])
    : c.x;
  const sizes = spatial.map((axis, i) => (c.xDims[axis] ?? 1) + Math.min(0, ends[i] ?? 0));
  const grouped = emit.transpose(emit.reshape(cut, [n, c.group, channels, ...sizes]), [
    2,
    1,
    0,
    ...spatial.map((axis) => axis + 1),
  ]);
  const filters = emit.state(emit.transpose(c.g, [1, 0, ...spatial]), [m, n, ...c.gDims.slice(2)]);
  const product = emit.op('Conv', [emit.reshape(grouped, [channels, c.group * n, ...sizes]), filters], {
    strides: [...c.dilations],
    dilations: [...c.strides],
    pads: [...c.before, ...ends.map((end) => Math.max(0, end))],
    group: c.group,
  });
  return emit.reshape(emit.transpose(product, [1, 0, ...spatial]), [m, channels, ...c.kernel]);
}

function weightGradient(emit: Emitter, c: Convolution): string {
  if (c.group === 1) return denseWeightGradient(emit, c);
  return isDepthwise(c) ? depthwiseWeightGradient(emit, c) : groupedWeightGradient(emit, c);
}

const biasGradient = (emit: Emitter, g: string, rank: number) =>
  emit.sum(g, [0, ...Array.from({ length: rank }, (_, i) => i + 2)], false);

const convolution: GradientRule = ({ node, gradient, emit, needs }) => {
  const [x = '', weights = '', bias = ''] = node.inputs;
  const [xDims, wDims, gDims] = [emit.dims(x), emit.dims(weights), emit.dims(node.outputs[0] ?? '')];
  const c = {
    ...windowOf(node, wDims.slice(2), xDims.slice(2), gDims.slice(2)),
    x,
    weights,
    g: gradient,
    xDims,
    wDims,
    gDims,
  };
  return [
    needs(0) ? inputGradient(emit, c) : undefined,
    needs(1) ? weightGradient(emit, c) : undefined,
    bias !== '' && needs(2) ? biasGradient(emit, gradient, c.kernel.length) : undefined,
  ];
};

/** Y = ConvTranspose(X, W) is the input gradient of a convolution from Y to X: by X it is that convolution, by W its weight gradient. */
const transposed: GradientRule = ({ node, gradient, emit, needs }) => {
  const [x = '', weights = '', bias = ''] = node.inputs;
  const [xDims, wDims, yDims] = [emit.dims(x), emit.dims(weights), emit.dims(node.outputs[0] ?? '')];
  const window = windowOf(node, wDims.slice(2), yDims.slice(2), xDims.slice(2));
  const attributes = {
    kernel_shape: [...window.kernel],
    strides: [...window.strides],
    dilations: [...window.dilations],
    pads: [...window.before, ...window.after],
    group: window.group,
  };
  const forward: Convolution = { ...window, x: gradient, weights, g: x, xDims: yDims, wDims, gDims: xDims };
  return [
    needs(0) ? emit.op('Conv', [gradient, weights], attributes) : undefined,
    needs(1) ? weightGradient(emit, forward) : undefined,
    bias !== '' && needs(2) ? biasGradient(emit, gradient, window.kernel.length) : undefined,
  ];
};

export const convolutionRules: RuleTable = { Conv: convolution, ConvTranspose: transposed };
