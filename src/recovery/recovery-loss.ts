import type { MetricName } from '../contracts/job-spec.js';
import type { RecoveryLoss } from '../contracts/recovery.js';
import type { LossPlan } from '../distillation/losses/loss-plan.js';
import { holdsProbabilities, lossOfOutputs } from '../distillation/losses/probabilities.js';
import type { Graph } from '../onnx/ir/graph.js';

/** Metrics of which class has the highest score. */
const ABOUT_CLASSES: ReadonlySet<MetricName> = new Set(['top1', 'top5', 'agreement', 'ctc']);

/** The loss that suits a metric: what matters of classes is their distribution, of everything else the numbers. */
export const suitableLoss = (metric: MetricName): RecoveryLoss =>
  ABOUT_CLASSES.has(metric) ? { kind: 'kd', temperature: 4 } : { kind: 'mse' };

/** A recovery's loss for a graph; the original and its quantized copy give probabilities alike. */
export function recoveryLoss(spec: RecoveryLoss, graph: Graph, output: string): LossPlan {
  const probabilities = holdsProbabilities(graph, output);
  const both = { student: probabilities, teacher: probabilities };
  return lossOfOutputs(spec.kind === 'kd' ? { ...spec, standardize: false, labels: 0 } : spec, both);
}
