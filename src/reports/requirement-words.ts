import type { Report, RequirementVerdict } from '../contracts/report.js';
import { interval, number, plural } from './numbers.js';

/** Why a requirement is undecided and what would decide it, by its reason. */
const REASONS: Readonly<Record<string, (row: RequirementVerdict, samples: number) => string>> = {
  no_dataset: () => 'there is no dataset, and made-up samples show no metric',
  too_few_samples: ({ samples_needed }, samples) =>
    `${plural(samples, 'sample')} cannot decide${samples_needed === undefined ? '' : `; about ${samples_needed} would`}`,
  on_the_bound: () => 'the value sits on the bound: no number of samples would decide',
  timing_noise: ({ name }) =>
    `the bound lies within the noise of timing: take more runs (evaluate.latency.runs), or a bound slightly ${name === 'min_speedup' ? 'lower' : 'higher'}`,
};

/** The reason of an undecided requirement as words; empty when it is decided. */
export function reasonInWords(row: RequirementVerdict, report: Report): string {
  if (row.reason === undefined) return '';
  return REASONS[row.reason]?.(row, report.result.metric.samples) ?? row.reason;
}

/** The sentence of a job whose requirements are not met: what was missed and what is only undecided are told apart. */
export function missedRequirements(report: Report): string {
  const told = (row: RequirementVerdict): string => {
    const found =
      row.value === null ? '' : ` (measured ${number(row.value)}${row.ci95 ? `, ${interval(row.ci95)}` : ''})`;
    const reason = reasonInWords(row, report);
    return `${row.name} ${number(row.bound)}${found}${reason === '' ? '' : `: ${reason}`}`;
  };
  const of = (verdict: RequirementVerdict['verdict']) =>
    report.requirements.filter((row) => row.verdict === verdict).map(told);
  const [missed, undecided] = [of('not_met'), of('undecided')];
  return [
    ...(missed.length > 0 ? [`The result misses what the job requires: ${missed.join('; ')}.`] : []),
    ...(undecided.length > 0 ? [`Undecided, which "strict" counts as not met: ${undecided.join('; ')}.`] : []),
  ].join(' ');
}

/** "exact" for what is counted, a dash for what was not measured. */
export function intervalInWords({ value, ci95 }: RequirementVerdict): string {
  if (ci95 !== null) return interval(ci95);
  return value === null ? '—' : 'exact';
}
