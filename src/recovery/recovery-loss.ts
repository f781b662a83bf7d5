import type { MetricName } from '../contracts/job-spec.js';
import type { RecoveryLoss } from '../contracts/recovery.js';
import type { LossPlan } from '../distillation/losses/loss-plan.js';
import { areProbabilities, holdsProbabilities, lossOfOutputs } from '../distillation/losses/probabilities.js';
import type { Graph } from '../onnx/ir/graph.js';
import type { Tensor } from '../onnx/ir/tensor.js';

/** Metrics of which class has the highest score. */
const ABOUT_CLASSES: ReadonlySet<MetricName> = new Set(['top1', 'top5', 'agreement', 'ctc']);

/** The loss that suits a metric: what matters of classes is their distribution, of everything else the numbers. */
export const suitableLoss = (metric: MetricName): RecoveryLoss =>
  ABOUT_CLASSES.has(metric) ? { kind: 'kd', temperature: 4 } : { kind: 'mse' };

/**
 * A recovery's loss; probabilities are compared as the logits that they came from.
 * @param outputs.answers some of the teacher's
 */
export function recoveryLoss(
  spec: RecoveryLoss,
  { quantized, output, answers }: { readonly quantized: Graph; readonly output: string; readonly answers: Tensor },
): LossPlan {
  const probabilities = { student: holdsProbabilities(quantized, output), teacher: areProbabilities(answers) };
  return lossOfOutputs(spec.kind === 'kd' ? { ...spec, standardize: false, labels: 0 } : spec, probabilities);
}
