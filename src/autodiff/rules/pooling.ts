import { intAttribute, intsAttribute } from '../../onnx/ir/graph.js';
import { floats } from '../../onnx/ir/tensor.js';
import type { Emitter } from '../emitter.js';
import type { GradientRule, RuleTable } from '../rule.js';
import { tilesInput } from '../training-form.js';
import { outputPadding, type Window, windowOf } from '../window.js';

/** Each element repeated `factors` times along the spatial axes; what the input has beyond whole windows is 0. */
function enlarged(
  emit: Emitter,
  value: string,
  factors: readonly number[],
  from: readonly number[],
  to: readonly number[],
) {
  const scales = emit.constant(floats([1, 1, ...factors]));
  const tiles = emit.op('Resize', [value, '', scales], {
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  });
  const rest = to.map((size, axis) => size - (from[axis] ?? 1) * (axis < 2 ? 1 : (factors[axis - 2] ?? 1)));
  return rest.some((size) => size > 0) ? emit.op('Pad', [tiles, emit.shape([...rest.map(() => 0), ...rest])]) : tiles;
}

/** Windows that tile the input: the maximum is where the input equals it; equal maxima of a window share the gradient. */
const tilingMaxPool: GradientRule = ({ node, gradient, emit }) => {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const kernel = intsAttribute(node, 'kernel_shape') ?? [];
  const [from, to] = [emit.dims(y), emit.dims(x)];
  const maximal = emit.mask(emit.op('Equal', [x, enlarged(emit, y, kernel, from, to)]));
  const share = emit.op('AveragePool', [maximal], { kernel_shape: kernel, strides: kernel });
  const size = kernel.reduce((a, b) => a * b, 1);
  const shared = emit.div(gradient, emit.scale(share, size));
  return [emit.mul(maximal, enlarged(emit, shared, kernel, from, to))];
};

/** Indices count through the whole [N, C, …] value: the gradient of each maximum goes back to its place. */
const maxPool: GradientRule = (call) => {
  const { node, gradient, emit } = call;
  if (tilesInput(node)) return tilingMaxPool(call);
  const indices = node.outputs[1] ?? '';
  if (indices === '') throw new Error('MaxPool must give its indices: see trainingForm');
  const dims = emit.dims(node.inputs[0] ?? '');
  const elements = dims.reduce((a, b) => a * b, 1);
  const zeros = emit.op('ConstantOfShape', [emit.shape([elements])]);
  const scattered = emit.op('ScatterElements', [zeros, emit.reshape(indices, [-1]), emit.reshape(gradient, [-1])], {
    axis: 0,
    reduction: 'add',
  });
  return [emit.reshape(scattered, dims)];
};

/** How many elements of the unpadded input each window covers, as [1, 1, …output]. */
function windowCounts(
  window: Window,
  input: readonly number[],
  output: readonly number[],
): { values: number[]; dims: number[] } {
  const perAxis = window.kernel.map((k, i) =>
    Array.from({ length: output[i] ?? 1 }, (_, position) => {
      const start = position * (window.strides[i] ?? 1) - (window.before[i] ?? 0);
      return Array.from({ length: k }, (_, j) => start + j * (window.dilations[i] ?? 1)).filter(
        (at) => at >= 0 && at < (input[i] ?? 1),
      ).length;
    }),
  );
  const values = perAxis.reduce<number[]>(
    (product, counts) => product.flatMap((p) => counts.map((count) => p * count)),
    [1],
  );
  return { values, dims: [1, 1, ...output] };
}

/** Each window spreads g / count evenly: a depthwise transposed convolution with ones. */
const averagePool: GradientRule = ({ node, gradient, emit }) => {
  const dims = emit.dims(node.inputs[0] ?? '');
  const output = emit.dims(node.outputs[0] ?? '').slice(2);
  const kernel = intsAttribute(node, 'kernel_shape') ?? [];
  const window = windowOf(node, kernel, dims.slice(2), output);
  const channels = dims[1] ?? 1;
  const size = kernel.reduce((a, b) => a * b, 1);
  const shared =
    intAttribute(node, 'count_include_pad', 0) === 1
      ? emit.scale(gradient, 1 / size)
      : emit.div(gradient, counts(emit, window, dims, output));
  const ones = emit.constant(floats(new Float32Array(channels * size).fill(1), [channels, 1, ...kernel]));
  return [
    emit.op('ConvTranspose', [shared, ones], {
      kernel_shape: kernel,
      strides: [...window.strides],
      dilations: [...window.dilations],
      pads: [...window.before, ...window.after],
      group: channels,
      output_padding: outputPadding(window, dims.slice(2)),
    }),
  ];
};

const counts = (emit: Emitter, window: Window, dims: readonly number[], output: readonly number[]) => {
  const { values, dims: shape } = windowCounts(window, dims.slice(2), output);
  return emit.constant(floats(values, shape));
};

export const poolingRules: RuleTable = { MaxPool: maxPool, AveragePool: averagePool };
