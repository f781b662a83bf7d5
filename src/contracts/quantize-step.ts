import { z } from 'zod';
import { Activations, has16Bits, RangeOverrides } from './activations.js';
import { ArtifactId } from './ids.js';
import { RecoverField, recoveryOf } from './recovery.js';
import {
  asksForRefinements,
  REFINEMENT_FIELDS,
  type RefinementField,
  refinementsOnSamples,
  uselessRefinements,
} from './refinements.js';
import { unreadFields } from './scheme-fields.js';

export const SCHEMES = [
  'optimized',
  'int8_static',
  'int8_dynamic',
  'int8_weights',
  'int4_weights',
  'fp16',
  'fp16_weights',
] as const;
export type Scheme = (typeof SCHEMES)[number];
/** What a step may ask for: a scheme, or the search for the best one. */
export const STEP_SCHEMES = [...SCHEMES, 'auto'] as const;
export type StepScheme = (typeof STEP_SCHEMES)[number];

/** Whether a scheme has to see samples: it measures the ranges of activations on them. */
const measuresRanges = (scheme: StepScheme): boolean => scheme === 'int8_static' || scheme === 'fp16';
type SampleFields = Pick<QuantizeStep, 'scheme' | 'weights' | RefinementField>;
/** Why a step has to see samples, as the end of a sentence; null when it can do without. */
export function needOfSamples(step: SampleFields): string | null {
  const { scheme, weights } = step;
  if (measuresRanges(scheme)) return `${scheme} measures the ranges of activations on samples`;
  if (scheme === 'int4_weights' && weights.method === 'gptq') return 'gptq rounds weights by their inputs on samples';
  const [refinement] = scheme === 'auto' ? [] : refinementsOnSamples(step);
  return refinement === undefined ? null : `"${refinement}" looks at activations on samples`;
}

/** Whether a step measures or chooses on samples when there are any, so that calibration and selection samples are set aside for it. */
export function usesSamples(step: SampleFields): boolean {
  const { scheme, weights } = step;
  return (
    scheme === 'auto' ||
    needOfSamples(step) !== null ||
    (scheme === 'int4_weights' && weights.method === 'auto') ||
    asksForRefinements(step)
  );
}

/** What a search looks for among models that are good enough. */
export const OBJECTIVES = ['latency', 'size'] as const;
export type Objective = (typeof OBJECTIVES)[number];
/** How a search goes that is told nothing else. */
export const SEARCH_DEFAULTS = { objective: 'latency', budget_seconds: 300, pin_shapes: false } as const;
/** Fields of a step that only a search reads. */
const SEARCH_FIELDS = ['objective', 'schemes', 'budget_seconds', 'plan'] as const;

export const CALIBRATION_METHODS = ['mean_minmax', 'minmax', 'percentile', 'entropy', 'mse', 'auto'] as const;
/** Share of the values that the percentile method keeps, in percent; half of the rest is cut off at each end. */
export const DEFAULT_PERCENTILE = 99.99;

const NodePattern = z.string().min(1).max(4096);

export const Calibration = z
  .strictObject({
    method: z.enum(CALIBRATION_METHODS).default('mean_minmax').meta({
      description:
        "Range of each activation. mean_minmax averages each sample's minimum and maximum; minmax takes the extremes of all samples; percentile cuts outliers off at both ends; entropy loses the least information; mse makes the least squared error; auto takes the best of these per tensor, then compares whole models on selection samples.",
    }),
    samples: z.int().min(1).max(65_536).default(256),
    percentile: z
      .number()
      .min(90)
      .max(100)
      .optional()
      .meta({
        description: `Only with method percentile: percent of the values to keep; ${DEFAULT_PERCENTILE} there.`,
      }),
    overrides: RangeOverrides.optional().meta({
      description:
        'Ranges of single activations, given or by another method; a later entry wins over an earlier one. 0 is always in a range.',
    }),
  })
  .refine(({ method, percentile }) => percentile === undefined || method === 'percentile', {
    path: ['percentile'],
    error: 'only the method "percentile" takes a percentile',
  })
  .overwrite((calibration) =>
    calibration.method === 'percentile' ? { percentile: DEFAULT_PERCENTILE, ...calibration } : calibration,
  );
export type Calibration = z.infer<typeof Calibration>;

export const WEIGHT_METHODS = ['rtn', 'mse', 'hqq', 'gptq', 'auto'] as const;

export const Weights = z
  .strictObject({
    bits: z
      .union([z.literal(2), z.literal(3), z.literal(4)])
      .default(4)
      .meta({ description: 'Bits of a weight. 2 and 3 cost most networks some points until they are trained again.' }),
    method: z.enum(WEIGHT_METHODS).default('rtn').meta({
      description:
        "rtn rounds to nearest. mse then refines scale and zero point of each block to the least squared error, which clips: it often costs more than it gains. hqq moves the zero points by half-quadratic splitting. gptq lets the weights that are rounded later make up for the errors of earlier ones, by their inputs on calibration samples: it needs a dataset. auto compares whole models on selection samples and keeps the one whose outputs are nearest to FP32's; without a dataset it is rtn.",
    }),
    symmetric: z.boolean().default(false).meta({ description: 'No zero points: 2 to 5 % smaller, less accurate.' }),
  })
  .refine(({ method, symmetric }) => method !== 'hqq' || !symmetric, {
    path: ['symmetric'],
    error: 'the method "hqq" moves zero points, and a symmetric weight has none',
  });

/** The fields of a quantize step, not yet compared with each other. */
export const QuantizeFields = z.strictObject({
  type: z.literal('quantize'),
  scheme: z.enum(STEP_SCHEMES).meta({
    description:
      'auto: tries the others under a time budget and keeps the best that is good enough. optimized: FP32, lossless clean-up only. int8_static: INT8 activations with calibrated ranges. int8_dynamic: INT8 activations whose ranges are measured on every run. int8_weights: INT8 weights, float activations, standard operators only. int4_weights: weights of 4 bits, or 2 or 3, in blocks of about 32, float activations. fp16: weights and arithmetic in half precision where the numbers seen on samples allow it, for devices that have it. fp16_weights: weights stored in half precision, everything runs in FP32.',
  }),
  calibration: Calibration.prefault({}).meta({ description: 'Used by int8_static; fp16 reads its number of samples.' }),
  activations: Activations.prefault({}).meta({ description: 'Used by int8_static.' }),
  weights: Weights.prefault({}).meta({ description: 'Used by int4_weights.' }),
  weight_bits: z
    .union([z.literal(4), z.literal(8)])
    .default(8)
    .meta({
      description:
        'With int8_static: 4 stores weights in 4 bits per channel, which become INT8 when the model is loaded, so that the same integer kernels run, and these weights take half the bytes; the first and last layer keep 8 bits. It costs most networks some points until they are trained again.',
    }),
  per_channel: z
    .boolean()
    .default(true)
    .meta({ description: 'One weight scale per output channel instead of one per tensor.' }),
  include: z
    .array(NodePattern)
    .max(1000)
    .optional()
    .meta({ description: 'Quantize only these: node names, globs with *, or operator types.' }),
  exclude: z
    .array(NodePattern)
    .max(1000)
    .default([])
    .meta({ description: 'Never quantize these: node names, globs with *, or operator types.' }),
  exclude_tensors: z.array(NodePattern).max(1000).default([]).meta({
    description: 'Never quantize nodes that read or give these values or constants: names, or globs with *.',
  }),
  portable: z.boolean().default(false).meta({
    description:
      'With int8_static and int8_dynamic: weights are kept small enough in pairs that every CPU computes the same integers, also those without VNNI; at most one bit of weight precision.',
  }),
  only_what_pays: z
    .boolean()
    .default(true)
    .meta({ description: 'Leave in float what INT8 would slow down on the CPU that runs the job. auto tries both.' }),
  ...REFINEMENT_FIELDS,
  keep_io_types: z.boolean().optional().meta({
    description:
      'With fp16: inputs and outputs stay FP32, and the model casts them itself; default true. With false they are FP16.',
  }),
  recover: RecoverField.optional().meta({
    description:
      'Quantization-aware distillation: the model before the step teaches its quantized copy on unlabelled training samples. The better of both by a paired test is the result. true takes the defaults.',
  }),
  objective: z
    .enum(OBJECTIVES)
    .optional()
    .meta({ description: `auto: what to look for; default ${SEARCH_DEFAULTS.objective}.` }),
  schemes: z
    .array(z.enum(SCHEMES))
    .min(1)
    .max(SCHEMES.length)
    .optional()
    .meta({ description: 'auto: try only these.' }),
  budget_seconds: z
    .int()
    .min(1)
    .max(86_400)
    .optional()
    .meta({
      description: `auto: no candidate is begun after four fifths of this time, the best so far is timed once more in the rest and taken; default ${SEARCH_DEFAULTS.budget_seconds}, at most half of timeout_seconds.`,
    }),
  pin_shapes: z.boolean().optional().meta({
    description:
      "The result takes no other shapes than the dataset's, in batches of evaluate.latency.batch; what only computes with shapes, and Ifs that ask for them, are gone. auto: allow that, where it makes the model simpler. Default false.",
  }),
  pad_channels: z.boolean().optional().meta({
    description:
      "Pads the channels around depthwise convolutions with zeros to whole blocks of this CPU's kernels (16 with AVX-512, else 8): equal results, a few more bytes, often faster. auto times it against the unpadded model. Default false.",
  }),
  plan: ArtifactId.optional().meta({
    description:
      'auto: the plan that an earlier job left, with the same model, dataset and seed. What it decided is done again, without a search: equal inputs give equal bytes. No other option of the step goes with it.',
  }),
});
type Fields = z.infer<typeof QuantizeFields>;

/** A step that says nothing but this. */
const untold = (told: Pick<Fields, 'type' | 'scheme' | 'plan'>): Fields => QuantizeFields.parse(told);

/** What a step says beside a plan, which has settled everything. */
function settledByPlan(step: Fields): { field: string; message: string }[] {
  const { type, scheme, plan } = step;
  if (plan === undefined) return [];
  const defaults: Readonly<Record<string, unknown>> = untold({ type, scheme, plan });
  return Object.entries(step)
    .filter(([field, value]) => JSON.stringify(value) !== JSON.stringify(defaults[field]))
    .map(([field]) => ({
      field,
      message: 'the plan has settled this: leave it out, or leave "plan" out to search anew',
    }));
}

/** What a step of a scheme does not read, and what contradicts something else in it. */
function strayFields(step: Fields): { field: string; message: string }[] {
  const { scheme } = step;
  const halves =
    step.keep_io_types === undefined || scheme === 'fp16'
      ? []
      : [{ field: 'keep_io_types', message: 'belongs to the scheme "fp16" only' }];
  const unfusable =
    has16Bits(step.activations.type) && (step.only_what_pays || scheme === 'auto')
      ? [{ field: 'activations/type', message: SIXTEEN_BITS }]
      : [];
  const levels =
    has16Bits(step.activations.type) && step.calibration.method === 'entropy'
      ? [{ field: 'calibration/method', message: 'entropy weighs the levels of 8 bits; take another method for 16' }]
      : [];
  if (scheme === 'auto' && step.weight_bits !== 8)
    return [{ field: 'weight_bits', message: 'belongs to the scheme "int8_static" only' }];
  if (scheme === 'auto') return [...halves, ...unfusable, ...levels, ...settledByPlan(step)];
  const searching = SEARCH_FIELDS.filter((field) => step[field] !== undefined).map((field) => {
    return { field, message: 'belongs to the scheme "auto" only' };
  });
  return [
    ...[...halves, ...unfusable, ...levels, ...searching],
    ...unreadFields(scheme, step, untold({ type: step.type, scheme })),
    ...uselessRefinements(scheme, step),
  ];
}

/** Schemes whose integers a recovery can train; auto settles on a scheme by timing first. */
export const RECOVERABLE_SCHEMES = ['int8_static', 'int8_dynamic', 'int8_weights', 'int4_weights'] as const;
const isRecoverable = (scheme: StepScheme): boolean => RECOVERABLE_SCHEMES.some((each) => each === scheme);

const SIXTEEN_BITS =
  '16-bit activations run in float on a CPU, so they never pay here: take the scheme int8_static with "only_what_pays": false to get the file all the same';

export const QuantizeStep = QuantizeFields.superRefine((step, context) => {
  for (const { field, message } of strayFields(step))
    context.addIssue({ code: 'custom', path: field.split('/'), message });
  if (recoveryOf(step) === null || isRecoverable(step.scheme)) return;
  const message = `only the integers of ${RECOVERABLE_SCHEMES.join(', ')} can be trained`;
  context.addIssue({ code: 'custom', path: ['recover'], message });
});
export type QuantizeStep = z.infer<typeof QuantizeStep>;
/** A step whose scheme is settled. */
export type SettledStep = QuantizeStep & { readonly scheme: Scheme };
export const isSettled = (step: QuantizeStep): step is SettledStep => step.scheme !== 'auto';
