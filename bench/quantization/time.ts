import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LatencySpec } from '../../src/contracts/job-spec.js';
import { QuantizeStep } from '../../src/contracts/quantize-step.js';
import { environmentOf } from '../../src/evaluation/environment.js';
import type { EvaluatedModel } from '../../src/evaluation/evaluated-model.js';
import { latencyOf, speedupOf } from '../../src/evaluation/latency/speedup.js';
import { measureLatency } from '../../src/evaluation/measure-latency.js';
import { openTaskSamples } from '../../workers/steps/task-samples.js';
import type { BenchCase } from './cases.js';
import { modelFiles, openCase } from './open-case.js';
import type { Results, Timing } from './results.js';
import type { Settings } from './settings.js';

/** Timed runs wanted of each model. */
const RUNS = 400;
const SEED = 0;
const ORIGINAL = 'original';
const AUTO = 'auto';

/** Times the models of a case and their original in one process and in alternating blocks, one thread, so that any two can be compared. */
export async function timeContenders(
  name: string,
  benchCase: BenchCase,
  contenders: readonly string[],
  settings: Settings,
  results: Results,
): Promise<Timing> {
  const scratch = await mkdtemp(join(tmpdir(), 'modelpress-bench-time-'));
  const step = QuantizeStep.parse({ type: 'quantize', scheme: 'auto' });
  const context = await openCase(benchCase, settings, { step, subset: 0, plan: null, scratch });
  const { task, signal } = context;
  const { samples, splits } = await openTaskSamples(context);
  try {
    const models: Record<string, EvaluatedModel> = { [ORIGINAL]: task.original };
    for (const contender of contenders) {
      models[contender] = await modelFiles(join(results.contender(name, contender), 'model.onnx'));
    }
    const { rounds, runs } = await measureLatency({
      models,
      ...{ samples, indices: splits.evaluation, latency: LatencySpec.parse({ runs: RUNS }), seed: SEED, signal },
      ...{ exclusive: context.exclusive, now: () => performance.now(), progress: () => {} },
    });
    const timed = contenders.map((contender) => {
      const gain = speedupOf(rounds, ORIGINAL, contender, SEED);
      const over = contenders.includes(AUTO) && contender !== AUTO ? speedupOf(rounds, AUTO, contender, SEED) : null;
      return [contender, { ms: latencyOf(rounds, contender).p20, speedup: gain, over_auto: over }] as const;
    });
    return {
      environment: environmentOf(task.threads),
      runs,
      original_ms: latencyOf(rounds, ORIGINAL).p20,
      original_bytes: task.original.bytes,
      models: Object.fromEntries(timed),
    };
  } finally {
    await samples.close();
    await rm(scratch, { recursive: true, force: true });
  }
}
