import type { MetricName } from '../contracts/job-spec.js';
import type { RecoveryLoss } from '../contracts/recovery.js';
import type { Loss } from '../distillation/losses/loss.js';
import { type LossPlan, lossPlan } from '../distillation/losses/loss-plan.js';
import { GraphEditor } from '../onnx/ir/editor.js';
import type { Graph } from '../onnx/ir/graph.js';

/** Metrics of which class has the highest score. */
const ABOUT_CLASSES: ReadonlySet<MetricName> = new Set(['top1', 'top5', 'agreement', 'ctc']);
/** Keeps the logarithm of a probability that became 0 finite. */
const LEAST_PROBABILITY = 1e-20;

/** The loss that suits a metric: what matters of classes is their distribution, of everything else the numbers. */
export const suitableLoss = (metric: MetricName): RecoveryLoss =>
  ABOUT_CLASSES.has(metric) ? { kind: 'kd', temperature: 4 } : { kind: 'mse' };

/** The same loss of the outputs' logarithms. */
const onLogarithms =
  (loss: Loss): Loss =>
  (emit, inputs) => {
    const logarithm = (value: string) => emit.op('Log', [emit.op('Max', [value, emit.scalar(LEAST_PROBABILITY)])]);
    return loss(emit, { ...inputs, student: logarithm(inputs.student), teacher: logarithm(inputs.teacher) });
  };

/** Operators that leave the numbers as they are. */
const SAME_NUMBERS: ReadonlySet<string> = new Set([
  'Identity',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
  'Transpose',
]);

/** Whether an output holds the probabilities of a Softmax. */
function holdsProbabilities(graph: Graph, output: string): boolean {
  const editor = new GraphEditor(graph);
  let node = editor.producer(output);
  while (node && SAME_NUMBERS.has(node.opType)) node = editor.producer(node.inputs[0] ?? '');
  return node?.opType === 'Softmax';
}

/**
 * A recovery's loss for a graph. kd softens logits; where the graph gives probabilities, their logarithms take the logits' place, since
 * log softmax(z) differs from z by the same number for all classes.
 */
export function recoveryLoss(spec: RecoveryLoss, graph: Graph, output: string): LossPlan {
  if (spec.kind !== 'kd') return lossPlan(spec);
  const plan = lossPlan({ ...spec, standardize: false, labels: 0 });
  return holdsProbabilities(graph, output) ? { ...plan, loss: onLogarithms(plan.loss) } : plan;
}
