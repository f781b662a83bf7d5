import type { Model } from '../onnx/ir/graph.js';
import { readModel } from '../onnx/serde/read-model.js';
import { checkViews } from './augmentation/check-views.js';
import type { DistillOptions } from './distill-options.js';
import { type Frozen, frozenNodes } from './frozen.js';
import { checkHintNames } from './hints/plan-hints.js';
import { type LossPlan, lossPlan } from './losses/loss-plan.js';
import { prepareStudent } from './students/prepare-student.js';
import { trainableWeights } from './students/trainable-weights.js';

/** What is known of a distillation before its teacher is asked. */
export interface DistillationPlan {
  /** In the training operator set, constants as initializers. */
  readonly student: Model;
  readonly frozen: Frozen;
  /** Names of the weights that are trained. */
  readonly trained: readonly string[];
  readonly loss: LossPlan;
  readonly batchSize: number;
}

/**
 * Prepares the student and refuses what can be told to fail before anything is run.
 * @throws ServiceError unsupported_operator, unsupported_dtype, unknown_node, invalid_request
 */
export async function planDistillation(options: DistillOptions): Promise<DistillationPlan> {
  const { samples, step, training: indices, output } = options;
  const student = prepareStudent(options.student);
  const frozen = frozenNodes(student.graph, step.training.freeze);
  const trained = trainableWeights(student.graph, output, frozen);
  const batchSize = samples.batch ?? Math.min(step.training.batch_size, indices.length);
  const { augment } = step.training;
  if (augment) await checkViews(augment, samples, indices[0] ?? 0, batchSize);
  if (step.hints.length > 0)
    checkHintNames(step.hints, { teacher: (await readModel(options.teacher)).graph, student: student.graph });
  return { student, frozen, trained, loss: lossPlan(step.loss), batchSize };
}
