import type { RecoveryReport } from '../contracts/report.js';
import { escapeText, table } from './markdown.js';
import { estimate, number } from './numbers.js';

const OUTCOME_WORDS: Readonly<Record<RecoveryReport['outcome'], string>> = {
  gain: 'made the quantized model better',
  no_gain: 'made no certain difference',
  loss: 'made the quantized model worse',
};

/** What a quantized model learnt from its own float original. */
export function recoveryLines(recovery: RecoveryReport | undefined): string[] {
  if (!recovery) return [];
  const { after, before, best_epoch, epochs, gain, history, kept, metric, outcome, parameters, samples } = recovery;
  const lossAfter = history[best_epoch]?.held_out_loss;
  const losses =
    lossAfter === undefined ? '' : `, from ${number(recovery.held_out_loss_before)} to ${number(lossAfter)}`;
  const best =
    best_epoch < 0
      ? 'none of them had a lower held-out loss than plain post-training quantization'
      : `epoch ${best_epoch + 1} had the lowest held-out loss${losses}`;
  return [
    `Recovery: ${parameters} numbers of its weights and biases, trained for ${epochs} epochs (${escapeText(recovery.stopped)}) on ${recovery.training_samples} samples; ${best}.`,
    '',
    ...table(
      ['quantized', escapeText(metric)],
      [
        ['without recovery', number(before)],
        ['recovered', number(after)],
        ['difference', estimate(gain)],
      ],
    ),
    '',
    `On ${samples} selection samples the recovery ${OUTCOME_WORDS[outcome]}; ${kept === 'recovered' ? 'the recovered model' : 'plain post-training quantization'} was kept.`,
    '',
  ];
}
