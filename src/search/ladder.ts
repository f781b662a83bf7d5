import { QuantizeStep, SCHEMES, type Scheme } from '../contracts/quantize-step.js';
import { usefulRefinements } from '../contracts/refinements.js';
import { readFields } from '../contracts/scheme-fields.js';
import type { Recipe } from '../contracts/search-plan.js';
import type { Rung } from './candidate.js';
import { DEFAULT, presets } from './presets.js';

/**
 * Schemes in the order in which they are tried; others follow in the order of the contract. int8_dynamic first: it is cheap to make, stores
 * what does not pay, and is the best answer where the budget has room for one. fp16_weights before what is daring: half the bytes for
 * next to no loss, where a small budget has shown that INT8 loses too much.
 */
const FIRST: readonly Scheme[] = ['int8_dynamic', 'optimized', 'int8_weights', 'int8_static', 'fp16_weights'];
const ORDER = [...FIRST, ...SCHEMES.filter((scheme) => !FIRST.includes(scheme))];

/**
 * Schemes that a search tries when the step names them. fp16: the same bytes as fp16_weights; ONNX Runtime's CPU kernels, which time the
 * candidates, gain nothing from it on x86.
 */
const ONLY_BY_NAME: ReadonlySet<Scheme> = new Set(['fp16']);

/** The step as a caller would have written it for one scheme: without what only a search reads, or another scheme. */
function settled(step: QuantizeStep, scheme: Scheme): QuantizeStep {
  const { objective, schemes, budget_seconds, pin_shapes, plan, ...fields } = step;
  return QuantizeStep.parse(readFields(scheme, { ...fields, ...usefulRefinements(scheme, step), scheme }));
}

/** The ways to apply one scheme, in their order. */
function rungsOf(scheme: Scheme, step: QuantizeStep, pinned: boolean): Rung[] {
  let first: Recipe | null = null;
  return presets(scheme, step).map(({ variant, change, repairs, effort = 1 }) => {
    const recipe: Recipe = {
      step: { ...settled(step, scheme), ...change },
      variant: pinned ? `${variant}, shapes pinned` : variant,
      pin_shapes: pinned,
      float_nodes: [],
    };
    first ??= recipe;
    return { recipe, repairs: repairs ? first : null, effort };
  });
}

/**
 * The recipes that a search tries: every scheme that the contract has and the step allows. First each scheme's own first preset, so that a
 * small budget sees all of them; then the other presets; last what may win the metric back, the dearest at the end.
 * @param pinned whether shapes are pinned; the unpinned clean-up stays on the ladder as what was given up for it
 */
export function ladder(step: QuantizeStep, pinned: boolean): Rung[] {
  const schemes = ORDER.filter((scheme) => step.schemes?.includes(scheme) ?? !ONLY_BY_NAME.has(scheme));
  const each = schemes.map((scheme) => rungsOf(scheme, step, pinned));
  const firsts = each.flatMap((rungs) => rungs.slice(0, 1));
  const others = each.flatMap((rungs) => rungs.slice(1));
  const variants = others.filter(({ repairs }) => repairs === null);
  const repairs = others.filter((rung) => rung.repairs !== null).toSorted((a, b) => a.effort - b.effort);
  const unpinned: Recipe = {
    step: settled(step, 'optimized'),
    variant: DEFAULT.variant,
    pin_shapes: false,
    float_nodes: [],
  };
  const givenUp = pinned && schemes.includes('optimized') ? [{ recipe: unpinned, repairs: null, effort: 1 }] : [];
  return [...firsts, ...givenUp, ...variants, ...repairs];
}
