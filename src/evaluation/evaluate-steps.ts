import type { StageMeasured } from '../contracts/report.js';
import { ServiceError } from '../platform/errors.js';
import { type EvaluationOptions, monotonicMs } from './evaluate-models.js';
import type { EvaluatedModel } from './evaluated-model.js';
import { latencyOf, speedupOf } from './latency/speedup.js';
import { measureLatency } from './measure-latency.js';
import { measureMetric } from './measure-metric.js';
import { RememberedAnswers } from './remembered-answers.js';

type Task = Omit<EvaluationOptions, 'cleaned' | 'result' | 'require'>;

export interface EvaluatedSteps {
  /** One for each model; null where it could not be measured. */
  readonly measured: readonly (StageMeasured | null)[];
  /** Why it could not. */
  readonly notes: readonly string[];
}

/**
 * Measures what the steps before the last one left, one after the other, so that memory does not grow with their number: the metric on the
 * evaluation samples, and the latency against the original in rounds of its own. A model that cannot be measured is told of and harms
 * nothing, since nobody asked for it.
 */
export async function evaluateSteps(models: readonly EvaluatedModel[], task: Task): Promise<EvaluatedSteps> {
  const remembered = new RememberedAnswers();
  const measured: (StageMeasured | null)[] = [];
  const notes: string[] = [];
  for (const [number, model] of models.entries()) {
    const progress: Task['progress'] = (phase, fraction) => task.progress(phase, (number + fraction) / models.length);
    try {
      measured.push(await evaluateStep(model, remembered, { ...task, progress }));
    } catch (error) {
      if (!(error instanceof ServiceError) || task.signal.aborted) throw error;
      measured.push(null);
      notes.push(`What step ${number + 1} left could not be measured: ${error.detail}`);
    }
  }
  return { measured, notes };
}

async function evaluateStep(
  model: EvaluatedModel,
  remembered: RememberedAnswers,
  { original, samples, indices, synthetic, evaluate, threads, seed, signal, exclusive, progress, now }: Task,
): Promise<StageMeasured> {
  const { metric, result, drop } = await measureMetric({
    ...{ original, result: model, samples, indices, synthetic, evaluate, threads, remembered, signal },
    progress: (fraction) => progress('scoring', fraction / 2),
  });
  const { rounds } = await measureLatency({
    models: { original, step: model },
    ...{ samples, indices, signal, seed, latency: evaluate.latency, exclusive, now: now ?? monotonicMs },
    progress: (fraction) => progress('timing', (1 + fraction) / 2),
  });
  return {
    metric: { name: metric.name, samples: indices.length, value: result.value, ci95: result.ci95 },
    metric_drop: { value: drop.value, ci95: drop.ci95 },
    latency_ms: latencyOf(rounds, 'step'),
    speedup: speedupOf(rounds, 'original', 'step', seed),
  };
}
