import type { DistillLoss } from '../../contracts/distill-step.js';
import type { JobSpec } from '../../contracts/job-spec.js';
import { needOfSamples } from '../../contracts/quantize-step.js';
import { recoveryOf } from '../../contracts/recovery.js';
import { checkAugmentation } from '../../datasets/admission/check-augmentation.js';
import { type DatasetMatch, matchDataset } from '../../datasets/admission/match.js';
import { ServiceError } from '../../platform/errors.js';
import type { Queries } from '../../storage/database.js';
import { getArtifact } from '../../storage/records/artifacts.js';
import { getDataset } from '../../storage/records/datasets.js';
import { getModel } from '../../storage/records/models.js';
import type { DatasetRow, ModelRow } from '../../storage/schema.js';
import type { Tenant } from '../../storage/tenant.js';
import { checkEvaluation } from './check-evaluation.js';
import { checkLabels } from './check-labels.js';
import { checkNumbers } from './check-numbers.js';
import { checkStudent } from './check-student.js';

/** A spec whose objects exist and fit each other. */
export interface CheckedSpec {
  readonly spec: JobSpec;
  readonly model: ModelRow;
  readonly dataset: { readonly row: DatasetRow; readonly match: DatasetMatch } | null;
}

/**
 * All that can be known of a job before it is queued. What needs the graph itself (node patterns) is the engine's to find.
 * @throws ServiceError not_found, dataset_required, dataset_mismatch, dataset_not_finite, dataset_too_small, metric_not_applicable,
 * already_quantized, invalid_request
 */
export async function checkSpec(queries: Queries, tenant: Tenant, spec: JobSpec): Promise<CheckedSpec> {
  const model = await getModel(queries, tenant, spec.model);
  const row = spec.dataset === undefined ? null : await getDataset(queries, tenant, spec.dataset);
  const match = row === null ? null : matchDataset(model.inspection.inputs, row.inspection, row.manifest);
  checkCalibration(spec);
  checkPinning(spec);
  checkNumbers(spec, model);
  await checkPlans(queries, tenant, spec);
  checkDistillation(spec, model, match);
  checkEvaluation(spec, model, match);
  if (row !== null && match !== null) checkLabels(spec, model, row, match);
  await checkStudents(queries, tenant, spec, model);
  return { spec, model, dataset: row !== null && match !== null ? { row, match } : null };
}

function checkCalibration({ dataset, steps }: JobSpec): void {
  const needs = steps.map((step) => (step.type === 'quantize' ? needOfSamples(step) : null));
  const index = needs.findIndex((need) => need !== null);
  if (index < 0 || dataset !== undefined) return;
  const message = `${needs[index]}.`;
  throw new ServiceError('dataset_required', `${message} Name a dataset, or take a scheme or method that needs none.`, {
    errors: [
      { pointer: '/dataset', code: 'dataset_required', message },
      { pointer: `/steps/${index}/scheme`, code: 'dataset_required', message: 'This scheme needs a dataset.' },
    ],
  });
}

/** Shapes are pinned to what a dataset sends. A search may find that it cannot, and goes on. */
function checkPinning({ dataset, steps, evaluate }: JobSpec): void {
  const index = steps.findIndex((step) => step.type === 'quantize' && step.scheme !== 'auto' && step.pin_shapes);
  if (index < 0) return;
  const pointer = `/steps/${index}/pin_shapes`;
  if (dataset === undefined) {
    const message = 'Shapes are pinned to those of a dataset: name one.';
    throw new ServiceError('dataset_required', message, { errors: [{ pointer, code: 'dataset_required', message }] });
  }
  if (evaluate.latency.shapes === undefined) return;
  const message =
    'A model that takes the shapes of the dataset only cannot be timed on others: leave evaluate.latency.shapes out.';
  throw new ServiceError('invalid_request', message, { errors: [{ pointer, code: 'contradiction', message }] });
}

/** Bytes of a plan: it names the nodes that stay in float, and is read whole. */
const MAX_PLAN_BYTES = 16 * 2 ** 20;

/** A plan that a step refers to is the tenant's own, and is a plan. */
async function checkPlans(queries: Queries, tenant: Tenant, { steps }: JobSpec): Promise<void> {
  for (const [index, step] of steps.entries()) {
    const plan = step.type === 'quantize' ? step.plan : undefined;
    if (plan === undefined) continue;
    const { role, bytes } = await getArtifact(queries, tenant, plan);
    if (role === 'plan' && bytes <= MAX_PLAN_BYTES) continue;
    const message = `The artifact is no plan but of role ${role}. A job with the scheme "auto" leaves one.`;
    throw new ServiceError('invalid_request', message, {
      errors: [{ pointer: `/steps/${index}/plan`, code: 'not_a_plan', message, received: role }],
    });
  }
}

/** Uploaded students exist and can take the place of the model. */
async function checkStudents(queries: Queries, tenant: Tenant, spec: JobSpec, model: ModelRow): Promise<void> {
  const output = spec.evaluate.output ?? model.inspection.outputs[0]?.name ?? '';
  for (const [index, step] of spec.steps.entries()) {
    if (step.type !== 'distill' || !('model' in step.student)) continue;
    const student = await getModel(queries, tenant, step.student.model);
    checkStudent(model, student, output, `/steps/${index}/student/model`);
  }
}

const readsLabels = (loss: DistillLoss) =>
  loss.kind === 'labels' || loss.kind === 'dkd' || ('labels' in loss && loss.labels > 0);

/** Training needs samples, and some losses need labels. */
function checkDistillation({ steps }: JobSpec, { inspection }: ModelRow, match: DatasetMatch | null): void {
  steps.forEach((step, index) => {
    if (step.type === 'quantize' && match === null && recoveryOf(step) !== null) {
      const message = 'A recovery trains the quantized model on samples: name a dataset.';
      throw new ServiceError('dataset_required', message, {
        errors: [
          { pointer: '/dataset', code: 'dataset_required', message },
          { pointer: `/steps/${index}/recover`, code: 'dataset_required', message: 'This needs a dataset.' },
        ],
      });
    }
    if (step.type !== 'distill') return;
    const pointer = `/steps/${index}`;
    if (match === null) {
      const message = 'A student is trained on samples: name a dataset.';
      throw new ServiceError('dataset_required', message, {
        errors: [{ pointer: '/dataset', code: 'dataset_required', message }],
      });
    }
    if (step.quantize_aware && index < steps.length - 1) {
      const message = 'A quantized student cannot be worked on: "quantize_aware" belongs to the last step of a job.';
      throw new ServiceError('invalid_request', message, {
        errors: [{ pointer: `${pointer}/quantize_aware`, code: 'contradiction', message }],
      });
    }
    if (step.training.epochs === 0 && !('from' in step.student)) {
      const message = 'Without an epoch of training only a student cut out of its teacher is worth anything.';
      throw new ServiceError('invalid_request', message, {
        errors: [{ pointer: `${pointer}/training/epochs`, code: 'too_small', message, expected: 'at least 1' }],
      });
    }
    const { augment, batch_size } = step.training;
    if (augment)
      checkAugmentation(augment, inspection.inputs, match.batch ?? batch_size, `${pointer}/training/augment`);
    if (match.labels === null && readsLabels(step.loss)) {
      const message = `The loss ${step.loss.kind} reads labels, and the dataset has none.`;
      throw new ServiceError('dataset_mismatch', message, {
        errors: [{ pointer: `${pointer}/loss`, code: 'dataset_mismatch', message }],
      });
    }
  });
}
