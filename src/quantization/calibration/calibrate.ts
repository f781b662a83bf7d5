import type { ActivationFormat, Range } from '../parameters.js';
import { measureExtremes } from './extremes.js';
import { measureHistograms } from './measure-histograms.js';
import type { Preset } from './range-methods.js';
import type { CalibrationTask } from './task.js';

/** Fraction of the work that the first pass is, when there is a second. */
const FIRST_PASS = 0.4;

/** Ranges of values, by the preset that gave them. */
export type RangeSets = ReadonlyMap<Preset, ReadonlyMap<string, Range>>;

/**
 * Measures the range of each value by each preset: a pass for the extremes, and when a preset asks for it a second one for histograms
 * between them.
 * @param bytes that one run gives of a value, 0 when unknown
 * @throws ServiceError dataset_too_small, model_run_failed; the reason of `signal` when it is aborted
 */
export async function calibrate(
  task: CalibrationTask,
  presets: readonly Preset[],
  bytes: (value: string) => number,
  format: ActivationFormat,
): Promise<RangeSets> {
  const passes = presets.some(({ from }) => from === 'histogram') ? 2 : 1;
  const first = passes === 1 ? 1 : FIRST_PASS;
  const extremes = await measureExtremes({ ...task, progress: (fraction) => task.progress(fraction * first) });
  const widest = new Map([...extremes].map(([value, { all }]) => [value, all]));
  const progress = (fraction: number) => task.progress(first + fraction * (1 - first));
  const histograms = passes === 2 ? await measureHistograms({ ...task, progress }, widest, bytes) : null;
  const rangesBy = (preset: Preset) =>
    new Map(
      [...extremes].map(([value, found]): [string, Range] => {
        if (preset.from === 'extremes') return [value, preset.range(found)];
        const histogram = histograms?.get(value);
        if (!histogram) throw new Error(`no histogram of ${value} was measured`);
        return [value, preset.range(found, histogram, format)];
      }),
    );
  return new Map(presets.map((preset) => [preset, rangesBy(preset)]));
}
