import { numbers } from '../../onnx/ir/numbers.js';
import type { Session } from '../../runtime/session.js';
import { sampleRows } from '../samples.js';
import type { CalibrationTask } from './task.js';

/** Stands for "no difference", and its negative for an output that is lost in noise or not finite. */
const MAX_DECIBEL = 200;

/** Its model is the float one, its indices are samples that did not calibrate. */
export type ScoringTask = Omit<CalibrationTask, 'values'>;

interface Energies {
  signal: number;
  noise: number;
}

const decibelOf = ({ signal, noise }: Energies) => {
  if (noise === 0) return MAX_DECIBEL;
  const decibel = 10 * Math.log10(signal / noise);
  return Number.isNaN(decibel) ? -MAX_DECIBEL : Math.min(MAX_DECIBEL, Math.max(-MAX_DECIBEL, decibel));
};

export interface OutputSqnr {
  /** 10 · log10(Σx² / Σ(x − y)²) over all samples, the mean over the outputs. */
  readonly decibel: number;
  /** By run, the sum over its outputs of Σ(x − y)² / Σx²: one sample in which much goes wrong does not hide the others. */
  readonly noises: readonly number[];
}

/** How far the outputs of a quantized model are from those of the float one; integer and boolean outputs count as numbers. */
export async function outputSqnr(
  float: Session,
  quantized: Session,
  task: Pick<ScoringTask, 'samples' | 'indices' | 'signal'>,
): Promise<OutputSqnr> {
  const energies = new Map<string, Energies>();
  const noises: number[] = [];
  for (const row of sampleRows(task.indices, task.samples)) {
    task.signal.throwIfAborted();
    const feeds = await task.samples.feeds(row);
    const expected = await float.run(feeds);
    const actual = await quantized.run(feeds);
    let relative = 0;
    for (const [name, tensor] of expected) {
      const other = actual.get(name);
      if (!other || tensor.dtype === 'string') continue;
      const [x, y] = [numbers(tensor), numbers(other)];
      const [energy, own] = [energies.get(name) ?? { signal: 0, noise: 0 }, { signal: 0, noise: 0 }];
      // Outputs whose size depends on the numbers, such as found boxes, may differ in length: what is missing is all noise.
      for (let i = 0; i < Math.max(x.length, y.length); i++) {
        own.signal += (x[i] ?? 0) ** 2;
        own.noise += ((x[i] ?? 0) - (y[i] ?? 0)) ** 2;
      }
      energies.set(name, { signal: energy.signal + own.signal, noise: energy.noise + own.noise });
      relative += own.noise / Math.max(own.signal, Number.MIN_VALUE);
    }
    noises.push(relative);
  }
  const decibels = [...energies.values()].map(decibelOf);
  const sum = decibels.reduce((total, decibel) => total + decibel, 0);
  return { decibel: sum / Math.max(1, decibels.length), noises };
}
