import type { RefinementReport } from '../../contracts/report.js';

const decibels = (value: number | null) => `${value?.toFixed(1) ?? '?'} dB`;

/**
 * What became of a refinement, as a sentence.
 * @param judges the split that it was judged on
 */
export function noteOn({ name, variant, kept, ...found }: RefinementReport, judges: string): string {
  const what = variant === undefined ? name : `${name} (${variant})`;
  const { output_sqnr_db: decibel, output_sqnr_db_without: without } = found;
  if (decibel === null)
    return kept ? `${what} was applied unjudged: there are no samples.` : `${what} found nothing to do.`;
  const numbers = `signal to noise of the outputs on ${judges} samples ${decibels(decibel)} with it, ${decibels(without)} without, nearer to FP32 in ${found.runs_nearer} runs and further in ${found.runs_further}`;
  return kept ? `${what} was kept: ${numbers}.` : `${what} was dropped: ${numbers}.`;
}
