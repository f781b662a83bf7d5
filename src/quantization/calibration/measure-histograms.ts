import { elements } from '../../onnx/ir/tensor.js';
import { MEASURING, withModelSession } from '../model-session.js';
import type { Range } from '../parameters.js';
import { tapGroups, tapped } from '../tapped-values.js';
import { Histogram } from './histogram.js';
import type { Pass } from './pass.js';
import { type CalibrationTask, calibrationRows } from './task.js';

/**
 * The second pass: a histogram of each value over its known range. Values leave the model in groups that fit a memory bound, and are
 * forgotten once they are counted, so memory depends neither on the number of samples nor on the size of the model.
 * @param ranges of every value; the first pass found them on the same samples
 * @param pass is brought to its end from wherever it stands
 * @param bytes that one run gives of a value, 0 when unknown
 * @throws ServiceError model_run_failed; the reason of `signal` when it is aborted
 */
export async function measureHistograms(
  task: CalibrationTask,
  ranges: ReadonlyMap<string, Range>,
  bytes: (value: string) => number,
  pass: Pass<Histogram> = { done: 0, found: new Map() },
): Promise<Map<string, Histogram>> {
  const rows = calibrationRows(task);
  const { found: histograms } = pass;
  for (const [value, range] of ranges) if (!histograms.has(value)) histograms.set(value, new Histogram(range));
  const groups = tapGroups(new Map(task.values.map((value) => [value, bytes(value)])));
  const session = { threads: task.threads, scratch: task.scratch, optimization: MEASURING } as const;
  const total = groups.length * rows.length;
  for (const [index, group] of groups.entries()) {
    const before = index * rows.length;
    if (pass.done >= before + rows.length) continue;
    await withModelSession(tapped(task.model, group), session, async ({ run }) => {
      for (const row of rows.slice(pass.done - before)) {
        task.signal.throwIfAborted();
        for (const [value, tensor] of await run(await task.samples.feeds(row)))
          histograms.get(value)?.add(elements(tensor, 'float32'));
        pass.done++;
        await task.kept?.(pass.done, total);
        task.progress(pass.done / total);
      }
    });
  }
  return histograms;
}
