import type { DistillationReport } from '../contracts/report.js';
import { derivationLines } from './derivation-lines.js';
import { escapeText, table } from './markdown.js';
import { estimate, number } from './numbers.js';

const OUTCOME_WORDS = {
  gain: 'the student better',
  no_gain: 'no certain difference',
  loss: 'the student worse',
} as const;

/** What is compared, in words: with a teacher or without one, against labels or against nothing learned. */
function wording({ loss, baseline }: DistillationReport) {
  if (baseline === 'labels')
    return { student: 'with the teacher', other: 'the same, trained on labels alone', cause: 'the teacher' };
  return loss === 'labels'
    ? { student: 'trained on labels', other: 'the same, untrained', cause: 'training on labels' }
    : { student: 'with the teacher', other: 'the same, untrained', cause: 'training by the teacher' };
}

/** What the training was worth, and how far it got. */
export function distillationLines(distillation: DistillationReport | undefined): string[] {
  if (!distillation) return [];
  const { best_epoch, derived, epochs, gain, kept, metric, outcome, parameters, samples, stopped } = distillation;
  const best = best_epoch < 0 ? 'the weights before any training' : `the weights of epoch ${best_epoch + 1}`;
  const { student, other, cause } = wording(distillation);
  return [
    ...(derived ? derivationLines(derived) : []),
    `${parameters} parameters, trained for ${epochs} epochs (${escapeText(stopped)}); ${best} had the lowest held-out loss.`,
    '',
    ...table(
      ['student', escapeText(metric)],
      [
        [student, number(distillation.distilled)],
        [other, number(distillation.baseline_value)],
        ['difference', estimate(gain)],
      ],
    ),
    '',
    `On ${samples} selection samples ${cause} made ${OUTCOME_WORDS[outcome]}; the student ${kept === 'baseline' ? 'without it' : 'with it'} was kept.`,
    '',
  ];
}
