import { intAttribute, intsAttribute, type Node, stringAttribute } from '../onnx/ir/graph.js';

/** The geometry of a convolution or pooling over the spatial axes of an [N, C, …] value; one entry per spatial axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly group: number;
}

/**
 * Reads the geometry of a node. Pads of auto_pad, and of a ConvTranspose's output_shape, follow from the given input and output sizes; an odd one more
 * goes in front but with SAME_UPPER.
 * @param input sizes before the convolution; of a ConvTranspose, which goes the other way, those of its output
 */
export function windowOf(
  node: Node,
  kernel: readonly number[],
  input: readonly number[],
  output: readonly number[],
): Window {
  const ones = kernel.map(() => 1);
  const strides = intsAttribute(node, 'strides') ?? ones;
  const dilations = intsAttribute(node, 'dilations') ?? ones;
  const pads = intsAttribute(node, 'pads') ?? [...ones, ...ones].map(() => 0);
  const rank = kernel.length;
  const group = intAttribute(node, 'group', 1);
  const automatic = stringAttribute(node, 'auto_pad', 'NOTSET');
  const stretched = intsAttribute(node, 'output_shape') !== undefined;
  if (!stretched && (automatic === 'NOTSET' || automatic === 'VALID')) {
    const stated = automatic === 'VALID' ? pads.map(() => 0) : pads;
    return { kernel, strides, dilations, before: stated.slice(0, rank), after: stated.slice(rank), group };
  }
  const added = intsAttribute(node, 'output_padding') ?? [];
  const total = kernel.map((k, i) => {
    const reached = ((output[i] ?? 1) - 1) * (strides[i] ?? 1) + (k - 1) * (dilations[i] ?? 1) + 1 + (added[i] ?? 0);
    return Math.max(0, reached - (input[i] ?? 1));
  });
  const small = total.map((t) => Math.floor(t / 2));
  const large = total.map((t, i) => t - (small[i] ?? 0));
  return automatic === 'SAME_UPPER'
    ? { kernel, strides, dilations, before: small, after: large, group }
    : { kernel, strides, dilations, before: large, after: small, group };
}

/** Every combination of kernel offsets, the last axis running fastest. */
export function kernelOffsets(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (offsets, size) => offsets.flatMap((offset) => Array.from({ length: size }, (_, i) => [...offset, i])),
    [[]],
  );
}

/** What ConvTranspose must add at the end of an axis to give back `input`: (input + pads − dilation·(k−1) − 1) mod stride. */
export const outputPadding = (window: Window, input: readonly number[]): number[] =>
  window.kernel.map(
    (k, i) =>
      ((input[i] ?? 1) + (window.before[i] ?? 0) + (window.after[i] ?? 0) - (window.dilations[i] ?? 1) * (k - 1) - 1) %
      (window.strides[i] ?? 1),
  );
