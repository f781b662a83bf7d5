import { z } from 'zod';
import { DistillStep } from './distill-step.js';
import { DatasetId, ModelId } from './ids.js';
import { QuantizeStep } from './quantize-step.js';

export const METRICS = ['top1', 'top5', 'mse', 'mae', 'cosine', 'iou', 'agreement', 'ctc'] as const;
export type MetricName = (typeof METRICS)[number];

export const Step = z.discriminatedUnion('type', [QuantizeStep, DistillStep]);
export type Step = z.infer<typeof Step>;

export const LatencySpec = z.strictObject({
  runs: z
    .int()
    .min(40)
    .max(10_000)
    .default(200)
    .meta({ description: 'Timed runs of each model, spread over alternating blocks.' }),
  threads: z.int().min(1).max(64).default(1),
  batch: z.int().min(1).max(1024).default(1),
  shapes: z
    .record(z.string(), z.int().min(1))
    .optional()
    .meta({ description: "Sizes of dynamic dimensions by name; default: the evaluation samples' own." }),
});

export const Evaluate = z.strictObject({
  metric: z.enum(METRICS).optional().meta({
    description:
      'Default: top1 for a classifier with labels, agreement for one without, mae for one number per sample, cosine for everything else.',
  }),
  output: z.string().optional().meta({ description: 'The output that is scored; default: the first.' }),
  samples: z.int().min(1).max(1_000_000).default(2000),
  threshold: z.number().default(0.3).meta({ description: 'iou: a map counts as on above this value.' }),
  latency: LatencySpec.prefault({}),
});

export const Requirements = z
  .strictObject({
    max_metric_drop: z.number().min(0).optional(),
    min_metric: z.number().optional(),
    min_speedup: z.number().positive().optional(),
    max_latency_ms: z.number().positive().optional(),
    max_size_ratio: z.number().positive().optional(),
    max_bytes: z.int().positive().optional(),
    strict: z.boolean().default(false).meta({ description: 'Count undecided as not met.' }),
  })
  .meta({ id: 'Requirements' });
export type Requirements = z.infer<typeof Requirements>;

export const MAX_STEPS = 8;
export const MAX_METADATA_PAIRS = 16;

/**
 * What a caller asks for. Every default is written here and in the steps, so a stored spec is complete and a job can be repeated
 * from it. Unknown keys are refused everywhere: a misspelt option must not silently do nothing.
 */
export const JobSpec = z
  .strictObject({
    model: ModelId,
    dataset: DatasetId.optional(),
    steps: z.array(Step).max(MAX_STEPS).meta({ description: 'In order; an empty list evaluates the model as it is.' }),
    evaluate: Evaluate.prefault({}),
    require: Requirements.optional(),
    seed: z
      .int()
      .min(0)
      .max(2 ** 31 - 1)
      .default(0),
    timeout_seconds: z
      .int()
      .min(1)
      .max(86_400)
      .default(3600)
      .meta({ description: 'Engine time over all attempts, without the queue.' }),
    metadata: z
      .record(z.string().min(1).max(64), z.string().max(512))
      .refine((pairs) => Object.keys(pairs).length <= MAX_METADATA_PAIRS, `at most ${MAX_METADATA_PAIRS} pairs`)
      .default({}),
  })
  .meta({ id: 'JobSpec' });
export type JobSpec = z.infer<typeof JobSpec>;

/** Every uploaded model that a job reads: its own, and those that it trains. */
export const modelsOf = ({ model, steps }: JobSpec): ModelId[] => [
  ...new Set([
    model,
    ...steps.flatMap((step) => (step.type === 'distill' && 'model' in step.student ? [step.student.model] : [])),
  ]),
];
