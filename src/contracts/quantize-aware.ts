import { z } from 'zod';
import { QuantizeFields, QuantizeStep, RECOVERABLE_SCHEMES, type SettledStep } from './quantize-step.js';
import { Recovery } from './recovery.js';
import { PLAIN } from './refinements.js';

const Fields = QuantizeFields.pick({
  calibration: true,
  activations: true,
  weights: true,
  weight_bits: true,
  per_channel: true,
  include: true,
  exclude: true,
  exclude_tensors: true,
  portable: true,
  only_what_pays: true,
}).extend({
  scheme: z.enum(RECOVERABLE_SCHEMES),
  recover: Recovery.prefault({}).meta({ description: 'How the quantized student learns from the teacher.' }),
});

/** The last part of a distillation: the student in few bits, taught on by the original teacher. */
export const QuantizeAware = Fields.superRefine((value, context) => {
  const { error } = QuantizeStep.safeParse(asStep(value));
  for (const { path, message } of error?.issues ?? []) context.addIssue({ code: 'custom', path: [...path], message });
});
export type QuantizeAware = z.infer<typeof QuantizeAware>;

const asStep = (value: z.infer<typeof Fields>) => ({ ...PLAIN, ...value, type: 'quantize' as const });

/** The quantize step that the student takes. */
export const studentStep = (value: QuantizeAware): SettledStep => asStep(value);
