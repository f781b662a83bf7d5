import type { DerivationReport } from '../contracts/derived-student.js';
import { code, escapeText, table } from './markdown.js';
import { estimate, number, plural } from './numbers.js';

/** What was cut out of a teacher to make a student, and what that cost before any training. */
export function derivationLines({
  parameters,
  operations,
  before_training,
  latency_ratio,
  dropped,
  groups,
  solved,
}: DerivationReport): string[] {
  const share = (of: { readonly student: number; readonly teacher: number }) => `${number(of.student / of.teacher)}x`;
  return [
    `Cut out of the teacher: ${share(parameters)} its parameters, ${share(operations)} its multiplications. ${plural(solved.layers, 'layer')} solved by least squares on ${plural(solved.samples, 'sample')}.`,
    ...(latency_ratio ? [`A run takes ${estimate(latency_ratio)} of the teacher's time.`] : []),
    '',
    ...table(
      ['before any training', 'metric'],
      [
        ['teacher', number(before_training.teacher)],
        ['slices', number(before_training.sliced)],
        ['slices, solved', number(before_training.solved)],
      ],
    ),
    '',
    ...table(
      ['dropped block', 'relative change of the output'],
      dropped.map(({ block, change }) => [code(block), number(change)]),
    ),
    ...(dropped.length > 0 ? [''] : []),
    ...table(
      ['layers whose channels move together', 'channels', 'kept', 'why all'],
      groups.map(({ layers, channels, kept, reason }) => [
        layers.map(code).join(', '),
        channels.toString(),
        kept.toString(),
        escapeText(reason ?? ''),
      ]),
    ),
    '',
  ];
}
