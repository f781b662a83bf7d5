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

/** 10 · log10(Σx² / Σ(x − y)²) over all samples, the mean over the outputs; integer and boolean outputs count as numbers. */
export async function outputSqnr(
  float: Session,
  quantized: Session,
  task: Pick<ScoringTask, 'samples' | 'indices' | 'signal'>,
): Promise<number> {
  const energies = new Map<string, Energies>();
  for (const row of sampleRows(task.indices, task.samples)) {
    task.signal.throwIfAborted();
    const feeds = await task.samples.feeds(row);
    const expected = await float.run(feeds);
    const actual = await quantized.run(feeds);
    for (const [name, tensor] of expected) {
      const other = actual.get(name);
      if (!other || tensor.dtype === 'string') continue;
      const [x, y] = [numbers(tensor), numbers(other)];
      const energy = energies.get(name) ?? { signal: 0, noise: 0 };
      // Outputs whose size depends on the numbers, such as found boxes, may differ in length: what is missing is all noise.
      for (let i = 0; i < Math.max(x.length, y.length); i++) {
        energy.signal += (x[i] ?? 0) ** 2;
        energy.noise += ((x[i] ?? 0) - (y[i] ?? 0)) ** 2;
      }
      energies.set(name, energy);
    }
  }
  const decibels = [...energies.values()].map(decibelOf);
  return decibels.reduce((sum, decibel) => sum + decibel, 0) / Math.max(1, decibels.length);
}
