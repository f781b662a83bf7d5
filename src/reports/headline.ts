import type { Report } from '../contracts/report.js';
import { code, escapeText } from './markdown.js';
import { estimate, number, plural } from './numbers.js';

const VERDICT_WORDS = {
  met: 'Met: every requirement is satisfied',
  not_met: 'Not met: at least one requirement is missed',
  undecided: 'Undecided: the evidence does not suffice',
} as const;
const STRICT = 'Not met: the evidence does not suffice, and "strict" counts that as a miss';

/** A certain drop of at least this share of the original's metric stands in the first line even if nobody asked for a bound. */
const LARGE_DROP = 0.01;

function fall({ metric_drop, original }: Report): string {
  const [least] = metric_drop.ci95;
  const bound = LARGE_DROP * Math.abs(original.metric.value);
  return bound > 0 && least >= bound ? `; the metric fell by ${estimate(metric_drop)}` : '';
}

function verdict(report: Report): string {
  const { verdict, requirements } = report;
  if (verdict === null) return `No requirements were stated${fall(report)}`;
  const missed = requirements.some((row) => row.verdict === 'not_met');
  return verdict === 'not_met' && !missed && requirements.length > 0 ? STRICT : VERDICT_WORDS[verdict];
}

/** The verdict; what was measured and what the steps have to say of it; then which job, when and which files. */
export function headline(report: Report, createdAt: Date): string[] {
  const { original, result, speedup, metric_drop } = report;
  const synthetic = Object.values(report.splits).some(({ source }) => source === 'synthetic');
  const stageNotes = report.stages.flatMap(({ notes }) => notes);
  const notes = report.notes.filter((note) => !stageNotes.includes(note));
  return [
    `# ${verdict(report)}`,
    '',
    [
      `The result takes ${number(report.size_ratio * 100)} % of the bytes and runs at ${estimate(speedup, 'x')} the original's speed.`,
      `Its ${code(result.metric.name)} is ${number(result.metric.value)} where the original has ${number(original.metric.value)}:`,
      `a drop of ${estimate(metric_drop)} on ${plural(result.metric.samples, synthetic ? 'synthetic sample' : 'sample')}.`,
      ...stageNotes.map(escapeText),
    ].join(' '),
    '',
    'Ranges in parentheses are 95 % confidence intervals. A positive drop is worse, whatever the metric. A speed-up is the ratio of the 20th percentiles of both latencies, the mean of that over rounds in sessions of their own.',
    '',
    ...notes.map((note) => `- ${escapeText(note)}`),
    ...(notes.length > 0 ? [''] : []),
    `Job ${code(report.job)} of ${createdAt.toISOString()}. Model ${code(report.reproduce.inputs.model)}, result ${code(`sha256:${result.sha256}`)}.`,
    '',
  ];
}
