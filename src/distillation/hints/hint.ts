import type { Emitter } from '../../autodiff/emitter.js';
import { meanSquared } from '../losses/regression.js';

/** A value of the student that learns from one of the teacher, through a linear map along one axis (Romero et al. 2015, FitNets). */
export interface Hint {
  readonly teacher: string;
  readonly student: string;
  readonly weight: number;
  /** Input of the training graph that takes the teacher's value. */
  readonly target: string;
  /** Shape of the teacher's value without the samples in front. */
  readonly sampleDims: readonly number[];
  /** Axis along which the values may have different sizes, samples counted. */
  readonly axis: number;
  /** Weights of the map: a matrix [student's size, teacher's size] and a bias [teacher's size]. */
  readonly matrix: string;
  readonly bias: string;
}

/** weight · mean((s · M + b − t)²), with the axis of the map brought to the end of the student's value s and the teacher's t. */
export function hintLoss(emit: Emitter, { student, target, sampleDims, axis, matrix, bias, weight }: Hint): string {
  const rank = sampleDims.length + 1;
  const others = Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis);
  const last = (value: string) => (axis === rank - 1 ? value : emit.transpose(value, [...others, axis]));
  const mapped = emit.add(emit.op('MatMul', [last(student), matrix]), bias);
  const values = { student: mapped, teacher: last(target), labels: '', labelsAre: 'classes', dims: [] } as const;
  return emit.scale(meanSquared(emit, values), weight);
}
