import type { DatasetInspection, DatasetManifest } from '../../contracts/dataset.js';
import type { ModelId } from '../../contracts/ids.js';
import type { JobRequest } from '../../contracts/job-request.js';
import type { JobSpec } from '../../contracts/job-spec.js';
import { TemplateModel } from '../../contracts/template-model.js';
import { labelsArray } from '../../datasets/admission/manifest.js';
import { ServiceError } from '../../platform/errors.js';
import type { Queries } from '../../storage/database.js';
import { getDataset } from '../../storage/records/datasets.js';
import type { Tenant } from '../../storage/tenant.js';

/** A network that a job trains from scratch, and the job once it has an id. */
export interface FromScratch {
  readonly network: TemplateModel;
  spec(model: ModelId): JobSpec;
}

/** The one array that is not the labels, as a model would take it: its input's name, and the shape of one sample. */
function inputOf(inspection: DatasetInspection, manifest: DatasetManifest) {
  const labels = labelsArray(inspection, manifest, []);
  const arrays = inspection.arrays.filter(({ name }) => name !== labels);
  const [array] = arrays;
  const shape = array?.shape.slice(1) ?? [];
  if (labels === null || array === undefined || arrays.length > 1 || shape.length === 0) {
    const message = `A network from scratch takes a dataset of labels and one other array of samples with axes of their own; this one has ${labels === null ? 'no labels and ' : ''}${arrays.map(({ name }) => name).join(', ')}.`;
    throw new ServiceError('dataset_mismatch', message, {
      errors: [{ pointer: '/dataset', code: 'dataset_mismatch', message }],
      hint: 'Make the network with POST /v1/models/templates, and name it as the model and as the student.',
    });
  }
  const { input = array.name, layout = 'as_is' } = Object.hasOwn(manifest.arrays, array.name)
    ? (manifest.arrays[array.name] ?? {})
    : {};
  return { name: input, shape: layout === 'as_is' ? shape : [...shape.slice(-1), ...shape.slice(0, -1)] };
}

/**
 * What a job without a model trains.
 * @throws ServiceError not_found, dataset_mismatch
 */
export async function fromScratch(queries: Queries, tenant: Tenant, request: JobRequest): Promise<FromScratch> {
  const { dataset, steps, seed, evaluate } = request;
  const [first, ...others] = steps;
  if (dataset === undefined || first?.type !== 'distill' || !('template' in first.student))
    throw new Error('JobRequest lets no such job through without a model');
  const { template, widths, classes } = first.student;
  const { inspection, manifest } = await getDataset(queries, tenant, dataset);
  const input = inputOf(inspection, manifest);
  const output = evaluate.output ?? (input.name === 'y' ? 'scores' : 'y');
  const parsed = TemplateModel.safeParse({ template, widths, classes, input, output, seed });
  if (!parsed.success) {
    const message = `A network cannot be fitted to samples of [${input.shape}].`;
    throw new ServiceError('dataset_mismatch', message, {
      errors: [{ pointer: '/dataset', code: 'dataset_mismatch', message }],
    });
  }
  return {
    network: parsed.data,
    spec: (id) => ({ ...request, model: id, steps: [{ ...first, student: { model: id } }, ...others] }),
  };
}
