import { floatAttribute, intAttribute, type Node } from '../../onnx/ir/graph.js';
import { fromFront } from '../axes.js';
import { unbroadcast } from '../broadcast.js';
import type { Emitter } from '../emitter.js';
import type { GradientRule, RuleTable } from '../rule.js';

const EPSILON = 1e-5;
const MOMENTUM = 0.9;

/** Mean and inverse standard deviation over `axes`, with these axes kept. */
function moments(
  emit: Emitter,
  x: string,
  axes: readonly number[],
  epsilon: number,
): { mean: string; inverse: string } {
  const mean = emit.mean(x, axes, true);
  const centred = emit.sub(x, mean);
  const variance = emit.mean(emit.mul(centred, centred), axes, true);
  return { mean, inverse: inverseDeviation(emit, variance, epsilon) };
}

const inverseDeviation = (emit: Emitter, variance: string, epsilon: number) =>
  emit.op('Reciprocal', [emit.op('Sqrt', [emit.add(variance, emit.scalar(epsilon))])]);

/**
 * Gradient by x of x̂ = (x − mean) · inverse over `axes`, where mean and deviation depend on x:
 * dx = inverse · (ĝ − mean ĝ − x̂ · mean(ĝ · x̂)), ĝ the gradient by x̂ (Ioffe and Szegedy 2015, section 3).
 */
function normalizedGradient(
  emit: Emitter,
  normalized: string,
  g: string,
  inverse: string,
  axes: readonly number[],
): string {
  const projected = emit.mul(normalized, emit.mean(emit.mul(g, normalized), axes, true));
  return emit.mul(inverse, emit.sub(emit.sub(g, emit.mean(g, axes, true)), projected));
}

/** Axes of a rank but these. */
const allBut = (rank: number, kept: readonly number[]) =>
  Array.from({ length: rank }, (_, axis) => axis).filter((axis) => !kept.includes(axis));

/** A per-channel vector as [1, C, 1, …] beside a value of this rank. */
const perChannel = (emit: Emitter, vector: string, rank: number) =>
  emit.reshape(vector, [1, -1, ...Array.from({ length: rank - 2 }, () => 1)]);

const layerNormalization: GradientRule = ({ node, gradient, emit, needs }) => {
  const [x = '', scale = '', bias = ''] = node.inputs;
  const dims = emit.dims(x);
  const first = fromFront(intAttribute(node, 'axis', -1), dims.length);
  const axes = dims.flatMap((_, axis) => (axis < first ? [] : [axis]));
  const [, meanOutput = '', inverseOutput = ''] = node.outputs;
  const { mean, inverse } =
    meanOutput !== '' && inverseOutput !== ''
      ? { mean: meanOutput, inverse: inverseOutput }
      : moments(emit, x, axes, floatAttribute(node, 'epsilon', EPSILON));
  const normalized = emit.mul(emit.sub(x, mean), inverse);
  return [
    needs(0) ? normalizedGradient(emit, normalized, emit.mul(gradient, scale), inverse, axes) : undefined,
    needs(1) ? unbroadcast(emit, emit.mul(gradient, normalized), dims, emit.dims(scale)) : undefined,
    bias !== '' && needs(2) ? unbroadcast(emit, gradient, dims, emit.dims(bias)) : undefined,
  ];
};

/**
 * Mean and variance that a BatchNormalization used, per channel: frozen running statistics, constants of x, when training_mode is 0. In
 * training mode outputs 1 and 2 are the batch's own when momentum is 0; otherwise they are mixed with earlier ones, and are computed again.
 */
function normalizationStatistics(
  emit: Emitter,
  node: Node,
  axes: readonly number[],
): { mean: string; inverse: string } {
  const [x = '', , , runningMean = '', runningVariance = ''] = node.inputs;
  const [, batchMean = '', batchVariance = ''] = node.outputs;
  const rank = emit.dims(x).length;
  const epsilon = floatAttribute(node, 'epsilon', EPSILON);
  const training = intAttribute(node, 'training_mode', 0) === 1;
  const given = floatAttribute(node, 'momentum', MOMENTUM) === 0 && batchMean !== '' && batchVariance !== '';
  if (training && !given) return moments(emit, x, axes, epsilon);
  const [mean, variance] = training ? [batchMean, batchVariance] : [runningMean, runningVariance];
  return {
    mean: perChannel(emit, mean, rank),
    inverse: inverseDeviation(emit, perChannel(emit, variance, rank), epsilon),
  };
}

/**
 * With c = x − mean and sums over all but the channel: d bias = Σ g, d scale = inverse · Σ g·c, and, when mean and inverse are the batch's,
 * dx = scale · inverse · (g − Σ g / M − c · inverse² · Σ g·c / M) for M elements per channel (Ioffe and Szegedy 2015, section 3), written as
 * g · A + c · B + C with A, B and C per channel, which passes over the elements as seldom as possible.
 */
const batchNormalization: GradientRule = ({ node, gradient: g, emit, needs }) => {
  const [x = '', scale = ''] = node.inputs;
  const dims = emit.dims(x);
  const axes = allBut(dims.length, [1]);
  const count = axes.reduce((product, axis) => product * (dims[axis] ?? 1), 1);
  const { mean, inverse } = normalizationStatistics(emit, node, axes);
  const fixed = intAttribute(node, 'training_mode', 0) === 0;
  const factor = emit.mul(perChannel(emit, scale, dims.length), inverse);
  if (fixed && !needs(1))
    return [needs(0) ? emit.mul(g, factor) : undefined, undefined, needs(2) ? emit.sum(g, axes, false) : undefined];
  const centred = emit.sub(x, mean);
  const sum = emit.sum(g, axes, true);
  const projection = emit.sum(emit.mul(g, centred), axes, true);
  const byX = () => {
    const scaled = emit.mul(g, factor);
    if (fixed) return scaled;
    const slope = emit.mul(factor, emit.scale(emit.mul(emit.mul(inverse, inverse), projection), -1 / count));
    const shift = emit.mul(factor, emit.scale(sum, -1 / count));
    return emit.add(emit.add(scaled, emit.mul(centred, slope)), shift);
  };
  const vector = (value: string) => emit.reshape(value, [-1]);
  return [
    needs(0) ? byX() : undefined,
    needs(1) ? vector(emit.mul(projection, inverse)) : undefined,
    needs(2) ? vector(sum) : undefined,
  ];
};

const instanceNormalization: GradientRule = ({ node, gradient, emit, needs }) => {
  const [x = '', scale = ''] = node.inputs;
  const rank = emit.dims(x).length;
  const axes = allBut(rank, [0, 1]);
  const { mean, inverse } = moments(emit, x, axes, floatAttribute(node, 'epsilon', EPSILON));
  const normalized = emit.mul(emit.sub(x, mean), inverse);
  const overSamples = allBut(rank, [1]);
  return [
    needs(0)
      ? normalizedGradient(emit, normalized, emit.mul(gradient, perChannel(emit, scale, rank)), inverse, axes)
      : undefined,
    needs(1) ? emit.sum(emit.mul(gradient, normalized), overSamples, false) : undefined,
    needs(2) ? emit.sum(gradient, overSamples, false) : undefined,
  ];
};

/** y = x / ‖x‖₂ along an axis: dx = (g − y · Σ g·y) / ‖x‖₂. */
const lpNormalization: GradientRule = ({ node, gradient, emit }) => {
  const [x = ''] = node.inputs;
  const axes = [fromFront(intAttribute(node, 'axis', -1), emit.dims(x).length)];
  const y = node.outputs[0] ?? '';
  const length = emit.op('ReduceL2', [x, emit.shape(axes)], { keepdims: 1 });
  return [emit.div(emit.sub(gradient, emit.mul(y, emit.sum(emit.mul(gradient, y), axes, true))), length)];
};

const softmaxAxis = (emit: Emitter, node: Node) => [
  fromFront(intAttribute(node, 'axis', -1), emit.dims(node.inputs[0] ?? '').length),
];

export const normalizationRules: RuleTable = {
  LayerNormalization: layerNormalization,
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  LpNormalization: lpNormalization,
  /** y · (g − Σ g·y). */
  Softmax: ({ node, gradient, emit }) => {
    const y = node.outputs[0] ?? '';
    return [emit.mul(y, emit.sub(gradient, emit.sum(emit.mul(gradient, y), softmaxAxis(emit, node), true)))];
  },
  /** g − eʸ · Σ g. */
  LogSoftmax: ({ node, gradient, emit }) => {
    const probabilities = emit.op('Exp', [node.outputs[0] ?? '']);
    return [emit.sub(gradient, emit.mul(probabilities, emit.sum(gradient, softmaxAxis(emit, node), true)))];
  },
};
