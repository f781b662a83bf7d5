import { kernelOffsets, windowOf } from '../../autodiff/window.js';
import { elementCount, elements, type Tensor } from '../../onnx/ir/tensor.js';
import type { LinearLayer } from './linear-layer.js';

/** Rows of a regression: X [g][rows][K (+ 1)] and Y [g][rows][M]. */
export interface RegressionRows {
  readonly rows: number;
  readonly x: Float64Array<ArrayBuffer>;
  readonly y: Float64Array<ArrayBuffer>;
}

/** Where one output position of one channel reads its input: offsets within a channel's plane, −1 for padding. */
type Reads = readonly number[];

/** Positions of a flat index in a shape. */
function positionsOf(index: number, dims: readonly number[]): number[] {
  const result = new Array<number>(dims.length);
  let rest = index;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    result[axis] = rest % (dims[axis] ?? 1);
    rest = Math.floor(rest / (dims[axis] ?? 1));
  }
  return result;
}

/** What an output position of a convolution reads, kernel offset by kernel offset. */
function windowReads({ node, kernel }: LinearLayer, input: readonly number[], output: readonly number[]) {
  const window = windowOf(node, kernel, input, output);
  const offsets = kernelOffsets(kernel);
  return (position: number): Reads => {
    const at = positionsOf(position, output);
    return offsets.map((offset) => {
      let flat = 0;
      for (let axis = 0; axis < input.length; axis++) {
        const read =
          (at[axis] ?? 0) * (window.strides[axis] ?? 1) -
          (window.before[axis] ?? 0) +
          (offset[axis] ?? 0) * (window.dilations[axis] ?? 1);
        if (read < 0 || read >= (input[axis] ?? 1)) return -1;
        flat = flat * (input[axis] ?? 1) + read;
      }
      return flat;
    });
  };
}

/** How a value lies in memory: samples, channels and positions with their strides. */
interface Layout {
  readonly channels: number;
  readonly positions: number;
  readonly sampleStride: number;
  readonly channelStride: number;
  readonly positionStride: number;
}

/** @param last whether channels are the last axis, as matrix products have them, or axis 1 */
function layoutOf(dims: readonly number[], last: boolean): Layout {
  const sampleStride = elementCount(dims.slice(1));
  if (last) {
    const channels = dims.at(-1) ?? 1;
    return { channels, positions: sampleStride / channels, sampleStride, channelStride: 1, positionStride: channels };
  }
  const positions = elementCount(dims.slice(2));
  return { channels: dims[1] ?? 1, positions, sampleStride, channelStride: positions, positionStride: 1 };
}

/**
 * The rows that some output positions of a batch give for a layer.
 * @param x the layer's input in the student, samples in front
 * @param targets what its output should be, already of the student's channels: goal first, others are subtracted from it
 * @param choose positions of a sample that are used, of so many
 */
export function regressionRows(
  layer: LinearLayer,
  x: Tensor,
  targets: readonly Tensor[],
  choose: (positions: number) => readonly number[],
): RegressionRows {
  const { node, groups, inputs, outputs, kernel, biased } = layer;
  const last = node.opType === 'MatMul' || node.opType === 'Gemm';
  const goal = targets[0] ?? x;
  const [from, to] = [layoutOf(x.dims, last), layoutOf(goal.dims, last)];
  const samples = goal.dims[0] ?? 0;
  const reads = kernel.length > 0 ? windowReads(layer, x.dims.slice(2), goal.dims.slice(2)) : (at: number) => [at];
  const taps = Math.max(1, elementCount(kernel));
  const perGroup = inputs / taps;
  const width = inputs + (biased ? 1 : 0);

  const chosen = Array.from({ length: samples }, () => choose(to.positions));
  const rows = chosen.reduce((sum, positions) => sum + positions.length, 0);
  const X = new Float64Array(groups * rows * width);
  const Y = new Float64Array(groups * rows * outputs);
  const source = elements(x, 'float32');
  const wanted = targets.map((tensor) => elements(tensor, 'float32'));
  let row = 0;
  chosen.forEach((positions, sample) => {
    for (const position of positions) {
      const places = reads(position);
      for (let g = 0; g < groups; g++) {
        let at = (g * rows + row) * width;
        for (let c = 0; c < perGroup; c++) {
          const base = sample * from.sampleStride + (g * perGroup + c) * from.channelStride;
          for (const place of places) X[at++] = place < 0 ? 0 : (source[base + place * from.positionStride] as number);
        }
        if (biased) X[at] = 1;
        for (let m = 0; m < outputs; m++) {
          const index = sample * to.sampleStride + (g * outputs + m) * to.channelStride + position * to.positionStride;
          let value = wanted[0]?.[index] ?? 0;
          for (let other = 1; other < wanted.length; other++) value -= wanted[other]?.[index] ?? 0;
          Y[(g * rows + row) * outputs + m] = value;
        }
      }
      row++;
    }
  });
  return { rows, x: X, y: Y };
}
