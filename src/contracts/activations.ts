import { z } from 'zod';

export const ACTIVATION_TYPES = ['u8', 's8', 'u16', 's16'] as const;
export type ActivationType = (typeof ACTIVATION_TYPES)[number];

/** ONNX Runtime has no integer kernels for these on a CPU: the file is for other devices. */
export const has16Bits = (type: ActivationType): boolean => type === 'u16' || type === 's16';

export const Activations = z.strictObject({
  type: z.enum(ACTIVATION_TYPES).default('u8').meta({
    description:
      'u8 is the fast one on x86 CPUs; s8 is what ARM and many accelerators take; u16 and s16 are for accelerators, and run in float here.',
  }),
  symmetric: z.boolean().default(false).meta({
    description: 'Ranges of equal reach on both sides of 0. Then Relu is not implied by a range, and costs speed here.',
  }),
});
export type Activations = z.infer<typeof Activations>;

const Pattern = z.string().min(1).max(4096);
const OVERRIDE_METHODS = ['mean_minmax', 'minmax', 'percentile', 'entropy', 'mse'] as const;

/** The range of some activations, instead of what the method of all gives. */
export const RangeOverride = z
  .strictObject({
    tensor: Pattern.optional().meta({ description: 'Name of a value of the model, or a glob with *.' }),
    node: Pattern.optional().meta({ description: 'The result of these nodes: name, glob with *, or operator type.' }),
    min: z.number().optional(),
    max: z.number().optional(),
    method: z.enum(OVERRIDE_METHODS).optional(),
    percentile: z.number().min(90).max(100).optional(),
  })
  .superRefine((override, context) => {
    const { tensor, node, min, max, method, percentile } = override;
    const refuse = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if ((tensor === undefined) === (node === undefined)) refuse([], 'names either a "tensor" or a "node"');
    if ((min === undefined) !== (max === undefined))
      refuse([min === undefined ? 'min' : 'max'], 'a range has both ends');
    if ((min === undefined) === (method === undefined)) refuse([], 'gives either "min" and "max" or a "method"');
    if (min !== undefined && max !== undefined && min >= max) refuse(['max'], 'must be greater than "min"');
    if (percentile !== undefined && method !== 'percentile')
      refuse(['percentile'], 'only the method "percentile" takes a percentile');
  });
export type RangeOverride = z.infer<typeof RangeOverride>;

/** Ranges given for at most this many patterns: more than any network has kinds of layers. */
const MOST_OVERRIDES = 1000;
export const RangeOverrides = z.array(RangeOverride).max(MOST_OVERRIDES);
