import type { Report } from '../contracts/report.js';
import { code, escapeText } from './markdown.js';
import { estimate, number, plural } from './numbers.js';

const VERDICT_WORDS = {
  met: 'Met: every requirement is satisfied',
  not_met: 'Not met: at least one requirement is missed',
  undecided: 'Undecided: the evidence does not suffice',
} as const;
const STRICT = 'Not met: the evidence does not suffice, and "strict" counts that as a miss';

function verdict({ verdict, requirements }: Report): string {
  if (verdict === null) return 'No requirements were stated';
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
    'Ranges in parentheses are 95 % confidence intervals. A positive drop is worse, whatever the metric.',
    '',
    ...notes.map((note) => `- ${escapeText(note)}`),
    ...(notes.length > 0 ? [''] : []),
    `Job ${code(report.job)} of ${createdAt.toISOString()}. Model ${code(report.reproduce.inputs.model)}, result ${code(`sha256:${result.sha256}`)}.`,
    '',
  ];
}
