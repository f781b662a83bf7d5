import { elements } from '../../onnx/ir/tensor.js';
import { MEASURING, withModelSession } from '../model-session.js';
import type { Range } from '../parameters.js';
import { tapGroups, tapped } from '../tapped-values.js';
import { Histogram } from './histogram.js';
import { type CalibrationTask, calibrationRows } from './task.js';

/**
 * The second pass: a histogram of each value over its known range. Values leave the model in groups that fit a memory bound, and are
 * forgotten once they are counted, so memory depends neither on the number of samples nor on the size of the model.
 * @param ranges of every value; the first pass found them on the same samples
 * @param bytes that one run gives of a value, 0 when unknown
 * @throws ServiceError model_run_failed; the reason of `signal` when it is aborted
 */
export async function measureHistograms(
  task: CalibrationTask,
  ranges: ReadonlyMap<string, Range>,
  bytes: (value: string) => number,
): Promise<Map<string, Histogram>> {
  const rows = calibrationRows(task);
  const histograms = new Map([...ranges].map(([value, range]) => [value, new Histogram(range)]));
  const groups = tapGroups(new Map(task.values.map((value) => [value, bytes(value)])));
  const session = { threads: task.threads, scratch: task.scratch, optimization: MEASURING } as const;
  for (const [index, group] of groups.entries()) {
    await withModelSession(tapped(task.model, group), session, async ({ run }) => {
      for (const [position, row] of rows.entries()) {
        task.signal.throwIfAborted();
        for (const [value, tensor] of await run(await task.samples.feeds(row)))
          histograms.get(value)?.add(elements(tensor, 'float32'));
        task.progress((index + (position + 1) / rows.length) / groups.length);
      }
    });
  }
  return histograms;
}
