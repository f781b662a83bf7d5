import { join } from 'node:path';
import { QuantizeStep } from '../../src/contracts/quantize-step.js';
import { measureMetric } from '../../src/evaluation/measure-metric.js';
import { openTaskSamples } from '../../workers/steps/task-samples.js';
import type { BenchCase } from './cases.js';
import { closedLoop } from './closed-loop.js';
import { located, modelFiles, openCase } from './open-case.js';
import type { Results, Score } from './results.js';
import type { Settings } from './settings.js';

/** Scores a contender's model as the product scores: on the evaluation samples, paired with the original. */
export async function scoreContender(
  name: string,
  benchCase: BenchCase,
  contender: { readonly name: string; readonly subset: number },
  settings: Settings,
  results: Results,
): Promise<Score> {
  const folder = results.contender(name, contender.name);
  const scratch = join(folder, 'scratch');
  const step = QuantizeStep.parse({ type: 'quantize', scheme: 'auto' });
  const context = await openCase(benchCase, settings, { step, subset: contender.subset, plan: null, scratch });
  const { task, signal } = context;
  const { samples, splits } = await openTaskSamples(context);
  const result = await modelFiles(join(folder, 'model.onnx'));
  try {
    const measured = await measureMetric({
      ...{ original: task.original, result, samples, indices: splits.evaluation, synthetic: false },
      ...{ evaluate: task.spec.evaluate, threads: task.threads, signal, progress: () => {} },
    });
    const plain = ({ value, ci95 }: typeof measured.drop) => ({ value, ci95 });
    return {
      metric: measured.metric.name,
      samples: splits.evaluation.length,
      original: plain(measured.original),
      result: plain(measured.result),
      drop: plain(measured.drop),
      closed_loop:
        benchCase.sequences === undefined
          ? null
          : await closedLoop(task.original, result, located(settings.data, benchCase.sequences), join(scratch, 'loop')),
    };
  } finally {
    await samples.close();
  }
}
