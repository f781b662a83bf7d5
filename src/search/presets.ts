import { CALIBRATION_METHODS, Calibration, type QuantizeStep, type Scheme } from '../contracts/quantize-step.js';
import type { Refinements } from '../contracts/refinements.js';

/** A way to apply a scheme: what it changes in the step that the caller wrote. */
export interface Preset {
  readonly variant: string;
  readonly change: Partial<
    Pick<QuantizeStep, 'only_what_pays' | 'calibration' | 'weights' | 'pad_channels'> & Refinements
  >;
  /** It changes numbers and nothing that costs time or bytes: worth trying where the scheme's first preset loses something. */
  readonly repairs?: true;
  /** How many times longer it takes to make than a plain candidate; 1 when absent. */
  readonly effort?: number;
}

const WHAT_PAYS: Preset = { variant: 'only what pays', change: { only_what_pays: true } };
export const DEFAULT: Preset = { variant: 'with its defaults', change: {} };
const PADDED: Preset = { variant: "channels padded to this CPU's blocks", change: { pad_channels: true } };
const EVERYTHING: Preset = { variant: 'everything quantizable', change: { only_what_pays: false } };

/** Schemes worth trying in more than their default way. */
const PRESETS: Partial<Readonly<Record<Scheme, readonly Preset[]>>> = {
  optimized: [DEFAULT, PADDED],
  int8_dynamic: [WHAT_PAYS, EVERYTHING],
  int8_static: [
    WHAT_PAYS,
    EVERYTHING,
    {
      variant: 'only what pays, biases corrected',
      change: { only_what_pays: true, bias_correction: 'analytic' },
      repairs: true,
    },
  ],
  int8_weights: [WHAT_PAYS, EVERYTHING],
};
/** Better weights and biases for the same plan, and then a float model prepared for it: tried last, where plain INT8 loses something. */
const REFINED: Partial<Readonly<Record<Scheme, readonly Preset[]>>> = {
  int8_static: [
    {
      variant: 'only what pays, weights and biases refined',
      change: { only_what_pays: true, weight_ranges: 'mse', rounding: 'adaptive', bias_correction: 'empirical' },
      ...{ repairs: true, effort: 2 },
    },
    {
      variant: 'only what pays, channels equalized and smoothed, weights and biases refined',
      change: {
        ...{ only_what_pays: true, transforms: ['float_stem', 'equalize', 'smooth'] },
        ...{ weight_ranges: 'mse', rounding: 'adaptive', bias_correction: 'empirical' },
      },
      ...{ repairs: true, effort: 8 },
    },
  ],
  int8_dynamic: [
    {
      variant: 'only what pays, smoothed, weights refined',
      change: { only_what_pays: true, transforms: ['smooth'], weight_ranges: 'mse', rounding: 'adaptive' },
      ...{ repairs: true, effort: 4 },
    },
  ],
};

/** Weights in few bits: rounded to nearest first, which is cheap; then so that later weights make up for earlier ones. */
function fewBits({ weights }: QuantizeStep): readonly Preset[] {
  const rounded: Preset = { variant: `rounded by ${weights.method}`, change: {} };
  if (weights.method !== 'rtn') return [rounded];
  return [
    { ...rounded, variant: 'rounded to nearest' },
    {
      variant: 'rounded by gptq',
      change: { weights: { ...weights, method: 'gptq' } },
      ...{ repairs: true, effort: 4 },
    },
  ];
}

/** The ways to apply a scheme that a search tries; what repairs comes after the first, whose metric it might win back. */
export function presets(scheme: Scheme, step: QuantizeStep): readonly Preset[] {
  if (scheme === 'int4_weights') return fewBits(step);
  const own = PRESETS[scheme] ?? [DEFAULT];
  const refined = REFINED[scheme] ?? [];
  if (scheme !== 'int8_static') return [...own, ...refined];
  const otherMethods = CALIBRATION_METHODS.filter((method) => method !== step.calibration.method);
  return [
    ...own,
    ...otherMethods.map((method): Preset => {
      const { samples, overrides } = step.calibration;
      const calibration = Calibration.parse({ method, samples, ...(overrides && { overrides }) });
      const variant = `${WHAT_PAYS.variant}, ranges by ${method}`;
      return { variant, change: { ...WHAT_PAYS.change, calibration }, repairs: true };
    }),
    ...refined,
  ];
}
