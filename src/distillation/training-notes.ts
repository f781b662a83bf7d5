import type { Training } from '../contracts/distill-step.js';
import type { TrainingEnd } from './train.js';
import { type Fit, fits } from './training-time.js';

/** What a reader of the report should know of how a training went. */
export function trainingNotes(
  training: Pick<Training, 'batch_size'>,
  run: {
    readonly batchSize: number;
    readonly microBatch: number;
    readonly stopped: TrainingEnd;
    /** Whether there was time for it, as far as its first steps told. */
    readonly fit?: Fit | null;
    /** How many of the training samples have labels, when labels play a part. */
    readonly labels?: { readonly labelled: number; readonly samples: number };
  },
): string[] {
  const { batchSize, microBatch, stopped, fit, labels } = run;
  const notes: string[] = [];
  if (batchSize !== training.batch_size)
    notes.push(
      `Batches hold ${batchSize} samples instead of ${training.batch_size}: the model or the dataset allows no more.`,
    );
  if (microBatch < batchSize)
    notes.push(`Batches of ${batchSize} went through the graph ${microBatch} samples at a time, to fit into memory.`);
  if (labels && labels.labelled < labels.samples)
    notes.push(
      `${labels.labelled} of ${labels.samples} training samples have labels: what labels teach is learned on these alone, in as many steps.`,
    );
  if (fit && !fits(fit))
    notes.push(
      `Judged by its first steps, training would take ${Math.round(fit.needed)} s, and ${Math.round(fit.there)} s were there for it: raise timeout_seconds, or train for fewer epochs.`,
    );
  if (stopped === 'timeout')
    notes.push(
      'Training was stopped before its last epoch, to leave time for evaluation: the best weights so far were kept.',
    );
  if (stopped === 'diverged')
    notes.push(
      'The loss or a weight became infinite or NaN: training was stopped, and the last good weights were kept.',
    );
  return notes;
}
