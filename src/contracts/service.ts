import { z } from 'zod';
import { ACTIVATION_TYPES } from './activations.js';
import { AUGMENTATIONS } from './augment.js';
import { TEMPLATE_NAMES } from './distill-step.js';
import { METRICS } from './job-spec.js';
import { CALIBRATION_METHODS, STEP_SCHEMES } from './quantize-step.js';
import { BIAS_CORRECTIONS, ROUNDINGS, TRANSFORMS, WEIGHT_RANGES } from './refinements.js';
import { ElementType } from './signature.js';

/** What this service can do, so that a program need not try. */
export const Capabilities = z
  .object({
    object: z.literal('capabilities'),
    schemes: z.array(z.enum(STEP_SCHEMES)),
    calibration_methods: z.array(z.enum(CALIBRATION_METHODS)),
    transforms: z.array(z.enum(TRANSFORMS)),
    bias_corrections: z.array(z.enum(BIAS_CORRECTIONS)),
    activation_types: z.array(z.enum(ACTIVATION_TYPES)),
    recoverable_schemes: z.array(z.enum(STEP_SCHEMES)).meta({
      description:
        'Schemes after which the float model can teach its quantized copy, and in which a distilled student can be taught on.',
    }),
    weight_ranges: z.array(z.enum(WEIGHT_RANGES)),
    roundings: z.array(z.enum(ROUNDINGS)),
    metrics: z.array(z.enum(METRICS)),
    quantizable_operators: z.record(z.string(), z.array(z.string())).meta({
      description: 'By scheme, the operators whose numbers can become integers. Whether one pays is decided per node.',
    }),
    trainable_operators: z.array(z.string()).meta({ description: 'Operators through which a student can be trained.' }),
    followed_operators: z.array(z.string()).meta({
      description:
        'Operators through which the channels of a student cut out of its teacher are followed; at others they stay whole.',
    }),
    augmentations: z
      .array(z.enum(AUGMENTATIONS))
      .meta({ description: 'What training can do to samples before it shows them.' }),
    student_templates: z.array(z.enum(TEMPLATE_NAMES)),
    datasets: z.object({ formats: z.array(z.string()), dtypes: z.array(ElementType) }),
    opset: z.object({ min: z.int(), max: z.int() }),
    limits: z.record(z.string(), z.number()),
    cpu: z
      .object({
        model: z.string(),
        threads: z.int(),
        architecture: z.string(),
        instruction_sets: z.array(z.string()).meta({ description: 'Those that decide which kernels run.' }),
      })
      .meta({ description: 'Of the machine that answers; the report of a job names the one that ran it.' }),
    versions: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Capabilities' });
export type Capabilities = z.infer<typeof Capabilities>;

export const Liveness = z.object({ status: z.literal('ok') }).meta({ id: 'Liveness' });

/** Whether the service can do its work, part by part. */
export const Readiness = z
  .object({
    status: z.enum(['ready', 'not_ready', 'draining']),
    parts: z
      .record(z.string(), z.string())
      .meta({ description: 'Of each part: ready, or what is wrong in one sentence.' }),
  })
  .meta({ id: 'Readiness' });
export type Readiness = z.infer<typeof Readiness>;
