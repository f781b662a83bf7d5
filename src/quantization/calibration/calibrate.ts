import type { ActivationFormat, Range } from '../parameters.js';
import type { CalibrationMemory, Measurements } from './calibration-memory.js';
import { measureExtremes } from './extremes.js';
import { measureHistograms } from './measure-histograms.js';
import type { Preset } from './range-methods.js';
import type { CalibrationTask } from './task.js';

/** Fraction of the work that the first pass is, when there is a second. */
const FIRST_PASS = 0.4;

/** Ranges of values, by the preset that gave them. */
export type RangeSets = ReadonlyMap<Preset, ReadonlyMap<string, Range>>;

export interface Calibrating {
  readonly task: CalibrationTask;
  /** Bytes that one run gives of a value, 0 when unknown. */
  readonly bytes: (value: string) => number;
  readonly format: ActivationFormat;
  readonly memory: CalibrationMemory;
  /** Of the task's model and samples; what is measured is added. */
  readonly known: Measurements;
}

const sameNames = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((name, index) => name === b[index]);

/** Measures the extremes of those values that are not known yet. */
async function completeExtremes({ task, memory, known }: Calibrating): Promise<void> {
  const values = task.values.filter((value) => !known.extremes.has(value));
  if (values.length === 0) return;
  const { underway } = known;
  const goesOn = underway?.kind === 'extremes' && sameNames(underway.values, values);
  const pass = goesOn ? underway : ({ kind: 'extremes', values, done: 0, found: new Map() } as const);
  memory.begin(known, pass);
  for (const [value, found] of await measureExtremes({ ...task, values }, pass)) known.extremes.set(value, found);
  known.underway = null;
  await memory.save();
}

/** The same for histograms, between the extremes. */
async function completeHistograms({ task, memory, known, bytes }: Calibrating): Promise<void> {
  const values = task.values.filter((value) => !known.histograms.has(value));
  if (values.length === 0) return;
  const { underway } = known;
  const goesOn = underway?.kind === 'histograms' && sameNames(underway.values, values);
  const pass = goesOn ? underway : ({ kind: 'histograms', values, done: 0, found: new Map() } as const);
  memory.begin(known, pass);
  const widest = new Map(values.map((value) => [value, extremesOf(known, value).all]));
  const found = await measureHistograms({ ...task, values }, widest, bytes, pass);
  for (const [value, histogram] of found) known.histograms.set(value, histogram);
  known.underway = null;
  await memory.save();
}

function extremesOf(known: Measurements, value: string) {
  const found = known.extremes.get(value);
  if (!found) throw new Error(`no extremes of ${value} were measured`);
  return found;
}

/**
 * The range of each value by each preset: a pass for the extremes, and when a preset asks for it a second one for histograms between them,
 * as far as these are not known.
 * @throws ServiceError dataset_too_small, model_run_failed; the reason of `signal` when it is aborted
 */
export async function calibrate(calibrating: Calibrating, presets: readonly Preset[]): Promise<RangeSets> {
  const { task, known, memory, format } = calibrating;
  const twice = presets.some(({ from }) => from === 'histogram');
  const first = twice ? FIRST_PASS : 1;
  const kept = (done: number, total: number) => memory.keep(done, total);
  const part = (from: number, share: number) => ({
    ...calibrating,
    task: { ...task, kept, progress: (fraction: number) => task.progress(from + fraction * share) },
  });
  await completeExtremes(part(0, first));
  if (twice) await completeHistograms(part(first, 1 - first));
  const rangesBy = (preset: Preset) =>
    new Map(
      task.values.map((value): [string, Range] => {
        const extremes = extremesOf(known, value);
        if (preset.from === 'extremes') return [value, preset.range(extremes)];
        const histogram = known.histograms.get(value);
        if (!histogram) throw new Error(`no histogram of ${value} was measured`);
        return [value, preset.range(extremes, histogram, format)];
      }),
    );
  return new Map(presets.map((preset) => [preset, rangesBy(preset)]));
}
