import type { Training } from '../contracts/distill-step.js';
import type { TrainingEnd } from './train.js';

/** What a reader of the report should know of how a training went. */
export function trainingNotes(
  training: Training,
  run: {
    readonly batchSize: number;
    readonly microBatch: number;
    readonly stopped: TrainingEnd;
    /** How many training samples have labels; null when labels play no part. */
    readonly labelled: number | null;
    readonly indices: readonly number[];
  },
): string[] {
  const { batchSize, microBatch, stopped, labelled, indices } = run;
  const notes: string[] = [];
  if (batchSize !== training.batch_size)
    notes.push(
      `Batches hold ${batchSize} samples instead of ${training.batch_size}: the model or the dataset allows no more.`,
    );
  if (microBatch < batchSize)
    notes.push(`Batches of ${batchSize} went through the graph ${microBatch} samples at a time, to fit into memory.`);
  if (labelled !== null && labelled < indices.length)
    notes.push(
      `${labelled} of ${indices.length} training samples have labels: what labels teach is learned on these alone, in as many steps.`,
    );
  if (stopped === 'timeout')
    notes.push(
      'Training was stopped before its last epoch, to leave time for evaluation: the best weights so far were kept.',
    );
  if (stopped === 'diverged')
    notes.push('The loss became infinite or NaN: training was stopped, and the last good weights were kept.');
  return notes;
}
