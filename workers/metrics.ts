import { Counter, register as defaultRegistry, Histogram, type Registry } from 'prom-client';

/** Jobs last from a second (a small model) to a day (the longest timeout). */
const DURATION_BUCKETS_SECONDS = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 86_400];

/** What a worker counts. It registers with the process's own registry, so an embedded api shows it under /metrics. */
export interface WorkerMetrics {
  /** An engine did not end by itself: `cause` is an error code, or why the supervisor stopped it. */
  engineDied(cause: string): void;
  stepEnded(step: string, outcome: string, seconds: number): void;
}

function once<Metric>(registry: Registry, name: string, make: () => Metric): Metric {
  return (registry.getSingleMetric(name) as Metric | undefined) ?? make();
}

/** The counters of this process; asking again gives the same ones. */
export function workerMetrics(registry: Registry = defaultRegistry): WorkerMetrics {
  const deaths = once(registry, 'modelpress_engine_deaths_total', () => {
    const name = 'modelpress_engine_deaths_total';
    const help = 'Engine processes that were killed or crashed, by cause.';
    return new Counter({ name, help, labelNames: ['cause'], registers: [registry] });
  });
  const durations = once(registry, 'modelpress_step_duration_seconds', () => {
    const name = 'modelpress_step_duration_seconds';
    const help = 'Engine time of one attempt of a step, by step and outcome.';
    const buckets = DURATION_BUCKETS_SECONDS;
    return new Histogram({ name, help, labelNames: ['step', 'outcome'], buckets, registers: [registry] });
  });
  return {
    engineDied: (cause) => deaths.inc({ cause }),
    stepEnded: (step, outcome, seconds) => durations.observe({ step, outcome }, seconds),
  };
}
