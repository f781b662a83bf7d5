import type { JobSpec } from '../../contracts/job-spec.js';
import type { DatasetMatch } from '../../datasets/admission/match.js';
import { syntheticSamples } from '../../datasets/synthetic.js';
import { ServiceError } from '../../platform/errors.js';
import { didYouMean } from '../../platform/nearest-name.js';
import type { ModelRow } from '../../storage/schema.js';

/** Metrics that compare with labels; the others compare with the original's outputs. */
const NEEDS_LABELS: ReadonlySet<string> = new Set(['top1', 'top5', 'ctc']);

/**
 * That the metric, the output and the sizes of an evaluation fit the model and the samples.
 * @throws ServiceError metric_not_applicable, invalid_request, dataset_required, memory_limit_exceeded
 */
export function checkEvaluation({ evaluate }: JobSpec, model: ModelRow, match: DatasetMatch | null): void {
  const { metric, output, latency } = evaluate;
  if (metric !== undefined && NEEDS_LABELS.has(metric) && (match?.labels ?? null) === null) {
    const message = `${metric} compares with labels, and ${match === null ? 'there is no dataset' : 'the dataset has none'}.`;
    throw new ServiceError('metric_not_applicable', message, {
      errors: [{ pointer: '/evaluate/metric', code: 'metric_not_applicable', message }],
    });
  }
  checkSteps(evaluate, model, match);
  const outputs = model.inspection.outputs.map(({ name }) => name);
  if (output !== undefined && !outputs.includes(output))
    throw unknownName('/evaluate/output', 'output', output, outputs);
  const dimensions = namedDimensions(model);
  for (const name of Object.keys(latency.shapes ?? {})) {
    if (!dimensions.includes(name)) {
      throw unknownName(
        `/evaluate/latency/shapes/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
        'dynamic dimension',
        name,
        dimensions,
      );
    }
  }
  // Made-up inputs need every size; this says which one is missing.
  if (match === null) syntheticSamples(model.inspection.inputs, 1, 0, latency.shapes ?? {});
}

/** ctc decodes a row of class scores for each step. An input that is fed alone may leave the axis of samples away. */
function checkSteps({ metric, output }: JobSpec['evaluate'], model: ModelRow, match: DatasetMatch | null): void {
  const { outputs } = model.inspection;
  const scored = output === undefined ? outputs[0] : outputs.find(({ name }) => name === output);
  const rank = scored?.shape?.length;
  if (metric !== 'ctc' || rank === undefined || rank === 3 || match?.arrays.some(({ alone }) => alone)) return;
  const received = `[${scored?.shape?.map((size) => size ?? '?').join(', ')}]`;
  const message = `ctc scores outputs of [samples, steps, classes]; ${JSON.stringify(scored?.name)} is ${received}.`;
  throw new ServiceError('metric_not_applicable', message, {
    errors: [
      {
        pointer: '/evaluate/metric',
        code: 'metric_not_applicable',
        message,
        expected: '[samples, steps, classes]',
        received,
      },
    ],
  });
}

const namedDimensions = (model: ModelRow): string[] => [
  ...new Set(model.inspection.inputs.flatMap(({ shape }) => shape ?? []).filter((size) => typeof size === 'string')),
];

function unknownName(pointer: string, what: string, name: string, known: readonly string[]): ServiceError {
  const message = `The model has no ${what} ${JSON.stringify(name)}.${didYouMean(name, known)}`;
  return new ServiceError('invalid_request', message, {
    errors: [
      {
        pointer,
        code: 'unknown_name',
        message,
        expected: known.map((one) => JSON.stringify(one)).join(', '),
        received: name,
      },
    ],
  });
}
