import { z } from 'zod';

export const BIAS_CORRECTIONS = ['none', 'analytic', 'empirical'] as const;
export const WEIGHT_RANGES = ['absmax', 'mse'] as const;
export const ROUNDINGS = ['nearest', 'adaptive'] as const;
/** Rewrites of the float model, in the order in which they are tried. */
export const TRANSFORMS = ['float_stem', 'equalize', 'smooth'] as const;
export type TransformName = (typeof TRANSFORMS)[number];

/** Fields of a quantize step that ask for more than the plainest INT8: each part is kept only where it helps. */
export const REFINEMENT_FIELDS = {
  bias_correction: z.enum(BIAS_CORRECTIONS).default('none').meta({
    description:
      'With int8_static; dropped unless the outputs on selection samples come out nearer to FP32. analytic: the bias of Conv and Gemm takes back the mean error that rounding the weights makes on the calibration samples. empirical: it takes back all of the mean error of the result, measured on calibration samples layer after layer.',
  }),
  weight_ranges: z.enum(WEIGHT_RANGES).default('absmax').meta({
    description:
      'With int8_static and int8_dynamic. absmax: the scale of INT8 weights reaches their extremes. mse: it makes the least squared error of each channel; dropped unless the outputs on selection samples come nearer to FP32.',
  }),
  rounding: z.enum(ROUNDINGS).default('nearest').meta({
    description:
      'With int8_static and int8_dynamic. adaptive: INT8 weights are rounded, and their scales chosen, for the least error of what each layer gives on calibration samples (the objective of AdaRound, by coordinate descent); dropped unless the outputs on selection samples come nearer to FP32.',
  }),
  transforms: z
    .array(z.enum(TRANSFORMS))
    .max(TRANSFORMS.length)
    .refine((names) => new Set(names).size === names.length, 'names a transform twice')
    .default([])
    .meta({
      description:
        'With int8_static and int8_dynamic: changes before quantizing that are exact in FP32, in the order of this list; each is dropped unless the outputs on selection samples come out nearer to FP32. float_stem: the first layer stays in float. equalize: channels between two layers are brought to one size (cross-layer equalization; for SiLU and HardSwish on the linear side). smooth: channels that stand out before MatMul and Gemm move into the weights (SmoothQuant).',
    }),
};
export type Refinements = {
  readonly [Field in keyof typeof REFINEMENT_FIELDS]: z.infer<(typeof REFINEMENT_FIELDS)[Field]>;
};
export type RefinementField = keyof Refinements;

/** Asks for nothing. */
export const PLAIN: Refinements = {
  bias_correction: 'none',
  weight_ranges: 'absmax',
  rounding: 'nearest',
  transforms: [],
};

const INTEGER_ACTIVATIONS = ['int8_static', 'int8_dynamic'];
/** The schemes that have a use for a field, and why the others have none. */
const USES: Readonly<Record<RefinementField, { readonly schemes: readonly string[]; readonly otherwise: string }>> = {
  bias_correction: {
    schemes: ['int8_static'],
    otherwise: 'only int8_static has calibrated inputs to correct a bias by',
  },
  weight_ranges: { schemes: INTEGER_ACTIVATIONS, otherwise: 'only int8_static and int8_dynamic multiply INT8 by INT8' },
  rounding: { schemes: INTEGER_ACTIVATIONS, otherwise: 'only int8_static and int8_dynamic multiply INT8 by INT8' },
  transforms: {
    schemes: INTEGER_ACTIVATIONS,
    otherwise: 'only int8_static and int8_dynamic have INT8 activations to prepare the float model for',
  },
};

const asked = (fields: Refinements, field: RefinementField) => `${fields[field]}` !== `${PLAIN[field]}`;
const FIELDS = Object.keys(PLAIN) as readonly RefinementField[];

/** Whether a step asks for any refinement. */
export const asksForRefinements = (fields: Refinements): boolean => FIELDS.some((field) => asked(fields, field));

/** Refinements that look at activations; the others only compare weights, or name layers. */
const LOOKS_AT_ACTIVATIONS: ReadonlySet<string> = new Set(['equalize', 'smooth', 'adaptive', 'analytic', 'empirical']);
/** What of a step cannot be done without samples. */
export const refinementsOnSamples = (fields: Refinements): string[] =>
  [...fields.transforms, fields.rounding, fields.bias_correction].filter((name) => LOOKS_AT_ACTIVATIONS.has(name));

/** What a step asks for in vain, with the reason. */
export const uselessRefinements = (scheme: string, fields: Refinements): { field: string; message: string }[] =>
  FIELDS.filter((field) => asked(fields, field) && !USES[field].schemes.includes(scheme)).map((field) => ({
    field,
    message: USES[field].otherwise,
  }));

/** What a scheme has a use for of what was asked. */
export const usefulRefinements = (scheme: string, fields: Refinements): Refinements =>
  Object.fromEntries(
    FIELDS.map((field) => [field, USES[field].schemes.includes(scheme) ? fields[field] : PLAIN[field]]),
  ) as unknown as Refinements;
