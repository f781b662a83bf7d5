import type { Emitter } from '../../autodiff/emitter.js';
import { floats } from '../../onnx/ir/tensor.js';
import { type Loss, type LossInputs, overClasses, overSamples } from './loss.js';

const logSoftmax = (emit: Emitter, logits: string) => emit.op('LogSoftmax', [logits], { axis: -1 });
const softmax = (emit: Emitter, logits: string) => emit.op('Softmax', [logits], { axis: -1 });

/** Labels as [N, C]: 1 at each sample's class, or the shares that the classes have. */
const oneHot = (emit: Emitter, { labels, labelsAre, dims }: LossInputs) =>
  labelsAre === 'shares'
    ? labels
    : emit.op('OneHot', [labels, emit.shape([dims.at(-1) ?? 1]), emit.constant(floats([0, 1]))], { axis: -1 });

/** Cross-entropy with labels, mean over samples: −Σ onehot · log softmax(z). */
export const crossEntropy: Loss = (emit, inputs) =>
  emit.neg(overSamples(emit, overClasses(emit, emit.mul(oneHot(emit, inputs), logSoftmax(emit, inputs.student)))));

/**
 * Softened Kullback-Leibler divergence T² · KL(softmax(zₜ/T) ‖ softmax(z/T)), mean over samples (Hinton, Vinyals and Dean 2015,
 * section 2: the factor T² keeps gradients of the same size whatever T). Equals PyTorch's
 * `kl_div(log_softmax(z/T), softmax(zₜ/T), reduction='batchmean') * T * T`.
 */
export const softenedDivergence =
  (temperature: number): Loss =>
  (emit, { student, teacher }) => {
    const soft = (logits: string) => emit.scale(logits, 1 / temperature);
    const target = softmax(emit, soft(teacher));
    const difference = emit.sub(logSoftmax(emit, soft(teacher)), logSoftmax(emit, soft(student)));
    return emit.scale(overSamples(emit, overClasses(emit, emit.mul(target, difference))), temperature * temperature);
  };

/**
 * Each sample's logits with mean 0 and standard deviation 1 (Sun et al. 2024, Logit Standardization in Knowledge Distillation; n − 1
 * under the deviation, as their code has it).
 */
export const standardized = (emit: Emitter, logits: string, dims: readonly number[]): string => {
  const centred = emit.sub(logits, emit.mean(logits, [-1], true));
  const squares = emit.sum(emit.mul(centred, centred), [-1], true);
  const deviation = emit.op('Sqrt', [emit.scale(squares, 1 / Math.max(1, (dims.at(-1) ?? 1) - 1))]);
  return emit.div(centred, emit.add(deviation, emit.scalar(STANDARDIZATION_EPSILON)));
};
const STANDARDIZATION_EPSILON = 1e-7;

/**
 * Decoupled knowledge distillation (Zhao et al. 2022, equation 7): α · TCKD + β · NCKD, both times T². The target class against the
 * rest, and the rest among themselves; the target is taken out by a large negative logit.
 */
export const decoupled =
  (temperature: number, alpha: number, beta: number): Loss =>
  (emit, inputs) => {
    const EXCLUDED = -1000;
    const target = oneHot(emit, inputs);
    const parts = (logits: string) => {
      const soft = emit.scale(logits, 1 / temperature);
      const logTarget = emit.sum(emit.mul(target, logSoftmax(emit, soft)), [-1], true);
      const others = emit.add(soft, emit.scale(target, EXCLUDED));
      const logOthers = emit.sub(
        emit.op('ReduceLogSumExp', [others, emit.shape([-1])]),
        emit.op('ReduceLogSumExp', [soft, emit.shape([-1])]),
      );
      return { logTarget, logOthers, rest: logSoftmax(emit, others), restProbability: softmax(emit, others) };
    };
    const [s, t] = [parts(inputs.student), parts(inputs.teacher)];
    const term = (logTeacher: string, logStudent: string) =>
      emit.mul(emit.op('Exp', [logTeacher]), emit.sub(logTeacher, logStudent));
    const targetPart = overSamples(emit, emit.add(term(t.logTarget, s.logTarget), term(t.logOthers, s.logOthers)));
    const restPart = overSamples(emit, overClasses(emit, emit.mul(t.restProbability, emit.sub(t.rest, s.rest))));
    return emit.scale(emit.add(emit.scale(targetPart, alpha), emit.scale(restPart, beta)), temperature * temperature);
  };

/** 1 − Pearson correlation along `axis`, kept as 1 there. */
const decorrelation = (emit: Emitter, a: string, b: string, axis: number) => {
  const unit = (value: string) => {
    const centred = emit.sub(value, emit.mean(value, [axis], true));
    const length = emit.op('Sqrt', [emit.add(emit.sum(emit.mul(centred, centred), [axis], true), emit.scalar(1e-12))]);
    return emit.div(centred, length);
  };
  return emit.sub(emit.scalar(1), emit.sum(emit.mul(unit(a), unit(b)), [axis], true));
};

/** DIST (Huang et al. 2022): β · inter-class plus γ · intra-class Pearson distance of softened probabilities, times T². */
export const dist =
  (temperature: number, beta: number, gamma: number): Loss =>
  (emit, { student, teacher }) => {
    const [s, t] = [student, teacher].map((logits) => softmax(emit, emit.scale(logits, 1 / temperature)));
    const mean = (axis: number) => overSamples(emit, decorrelation(emit, s ?? '', t ?? '', axis));
    return emit.scale(emit.add(emit.scale(mean(1), beta), emit.scale(mean(0), gamma)), temperature * temperature);
  };
