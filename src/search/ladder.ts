import { Activations } from '../contracts/activations.js';
import {
  CALIBRATION_METHODS,
  Calibration,
  type QuantizeStep,
  SCHEMES,
  type Scheme,
} from '../contracts/quantize-step.js';
import { type Refinements, usefulRefinements } from '../contracts/refinements.js';
import type { Rung } from './candidate.js';

/** A way to apply a scheme: what it changes in the step that the caller wrote. */
interface Preset {
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
const DEFAULT: Preset = { variant: 'with its defaults', change: {} };
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

/** Schemes in the order of what a candidate costs to make; others follow in the order of the contract. */
const CHEAP_FIRST: readonly Scheme[] = ['optimized', 'int8_dynamic', 'int8_weights', 'int8_static'];

/**
 * Schemes that a search tries when the step names them. fp16: the same bytes as fp16_weights; ONNX Runtime's CPU kernels, which time the
 * candidates, gain nothing from it on x86.
 */
const ONLY_BY_NAME: ReadonlySet<Scheme> = new Set(['fp16']);

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

function presets(scheme: Scheme, step: QuantizeStep): readonly Preset[] {
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

/** The step as a caller would have written it for one scheme: without what only a search reads. */
function settled(step: QuantizeStep, scheme: Scheme): QuantizeStep {
  const { objective, schemes, budget_seconds, pin_shapes, plan, ...fields } = step;
  const useful = usefulRefinements(scheme, step);
  if (scheme === 'int8_static') return { ...fields, scheme, ...useful };
  const { overrides, ...calibration } = step.calibration;
  const ofAnyScheme = { scheme, calibration, activations: Activations.parse({}), ...useful } as const;
  return { ...fields, ...ofAnyScheme, portable: scheme === 'int8_dynamic' && step.portable };
}

/**
 * The recipes that a search tries: every scheme that the contract has and the step allows. First each scheme's own first preset, from cheap to
 * dear, so that a small budget sees all of them; then the other presets; last what may win the metric back, the dearest at the end.
 * @param pinned whether shapes are pinned; the unpinned clean-up stays on the ladder as what was given up for it
 */
export function ladder(step: QuantizeStep, pinned: boolean): Rung[] {
  const order = [...CHEAP_FIRST, ...SCHEMES.filter((scheme) => !CHEAP_FIRST.includes(scheme))];
  const wanted = order.filter((scheme) => step.schemes?.includes(scheme) ?? !ONLY_BY_NAME.has(scheme));
  const rungs = wanted.flatMap((scheme) => {
    const all = presets(scheme, step).map(({ variant, change, repairs, effort = 1 }) => ({
      recipe: {
        step: { ...settled(step, scheme), ...change },
        variant: pinned ? `${variant}, shapes pinned` : variant,
        pin_shapes: pinned,
        float_nodes: [],
      },
      ...{ repairs, effort },
    }));
    const first = all[0]?.recipe ?? null;
    return all.map(({ recipe, repairs, effort }, index) => ({
      recipe,
      repairs: repairs ? first : null,
      effort,
      index,
    }));
  });
  const [firsts, others, repairs] = [
    rungs.filter(({ index }) => index === 0),
    rungs.filter((rung) => rung.index > 0 && rung.repairs === null),
    rungs.filter((rung) => rung.repairs !== null).sort((a, b) => a.effort - b.effort),
  ];
  const sorted = [...firsts, ...others, ...repairs].map(({ index, ...rung }): Rung => rung);
  if (!pinned || !wanted.includes('optimized')) return sorted;
  const { variant } = DEFAULT;
  const unpinned = { step: settled(step, 'optimized'), variant, pin_shapes: false, float_nodes: [] };
  return [{ recipe: unpinned, repairs: null }, ...sorted];
}
