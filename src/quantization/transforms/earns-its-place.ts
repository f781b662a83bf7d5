import type { RefinementReport } from '../../contracts/report.js';
import type { OutputSqnr } from '../calibration/output-sqnr.js';

/** Less than this may be chance: on 32 samples and another 300 the same change came out up to 0.2 dB apart. */
const LEAST_GAIN_DB = 0.1;

/**
 * Whether the outputs come nearer to FP32 with a refinement: by some decibels in all, and in more runs than they go further away. (Where
 * outputs are probabilities near 0 and 1, one sample can hold nearly all of the noise, and says nothing about the next one.) Without
 * samples there is nothing to judge by, and what was asked for is kept.
 */
export function earnsItsPlace(
  without: OutputSqnr | null,
  found: OutputSqnr | null,
): Omit<RefinementReport, 'name' | 'variant'> {
  if (!found || !without) {
    const unknown = { runs_nearer: null, runs_further: null, output_sqnr_db: null };
    return { kept: true, ...unknown, output_sqnr_db_without: without?.decibel ?? null };
  }
  const count = (is: (now: number, before: number) => boolean) =>
    found.noises.filter((noise, run) => is(noise, without.noises[run] as number)).length;
  const nearer = count((now, before) => now < before);
  const further = count((now, before) => now > before);
  return {
    kept: found.decibel >= without.decibel + LEAST_GAIN_DB && nearer > further,
    ...{ output_sqnr_db: found.decibel, output_sqnr_db_without: without.decibel },
    ...{ runs_nearer: nearer, runs_further: further },
  };
}
