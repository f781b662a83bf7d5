import type { Feeds, Session } from '../runtime/session.js';
import type { ScoringProgram } from './program.js';
import { batchAt, batchesPerEpoch } from './train.js';
import { floatsOf, type Weights } from './training-state.js';

/** Mean loss of weights over held-out samples, in whole batches as in training. */
export async function heldOutLoss(task: {
  readonly session: Session;
  readonly program: ScoringProgram;
  readonly indices: readonly number[];
  readonly batchSize: number;
  readonly weights: Weights;
  batch(indices: readonly number[]): Promise<Feeds>;
  readonly signal: AbortSignal;
}): Promise<number> {
  const count = batchesPerEpoch(task.indices.length, task.batchSize);
  let sum = 0;
  for (let number = 0; number < count; number++) {
    task.signal.throwIfAborted();
    const feeds = await task.batch(batchAt(task.indices, number, task.batchSize));
    const results = await task.session.run(new Map([...feeds, ...task.weights]), [task.program.loss]);
    const loss = results.get(task.program.loss);
    sum += loss ? (floatsOf(loss)[0] ?? Number.NaN) : Number.NaN;
  }
  return sum / count;
}
