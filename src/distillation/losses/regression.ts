import { type Loss, overSamples } from './loss.js';

/** Mean squared difference to the teacher's output over all elements. */
export const meanSquared: Loss = (emit, { student, teacher }) => {
  const difference = emit.sub(student, teacher);
  return overSamples(emit, emit.mul(difference, difference));
};

/** Huber loss: ½d² within delta, delta · (|d| − ½delta) beyond, mean over all elements. */
export const huber =
  (delta: number): Loss =>
  (emit, { student, teacher }) => {
    const size = emit.op('Abs', [emit.sub(student, teacher)]);
    const inner = emit.op('Min', [size, emit.scalar(delta)]);
    const outer = emit.sub(size, inner);
    return overSamples(emit, emit.add(emit.scale(emit.mul(inner, inner), 0.5), emit.scale(outer, delta)));
  };

/** 1 − cosine similarity of the last axis, mean over the rest: for embeddings. */
export const cosineDistance: Loss = (emit, { student, teacher }) => {
  const unit = (value: string) =>
    emit.div(value, emit.op('Sqrt', [emit.add(emit.sum(emit.mul(value, value), [-1], true), emit.scalar(1e-12))]));
  return emit.sub(emit.scalar(1), overSamples(emit, emit.sum(emit.mul(unit(student), unit(teacher)), [-1], true)));
};
