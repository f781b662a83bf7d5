import type { Refinements } from '../../contracts/refinements.js';
import type { IntegerScheme, SchemeOptions } from '../apply-scheme.js';
import { correctedInputs } from '../bias-correction.js';
import { breathing } from '../breathe.js';
import { measureInputMeans } from '../calibration/input-means.js';
import type { StoredNumbers } from '../rewriting.js';
import type { PlainWeights, QuantizedWeights } from '../weights.js';
import { measureBiasShifts } from './empirical-bias.js';
import { leastErrorWeights } from './least-error-weights.js';
import { roundedForInputs } from './rounded-weights.js';
import { secondMoments } from './second-moments.js';

/** Samples that say what layers read: each gives many rows. */
const MOMENT_SAMPLES = 64;

/** The best so far: the numbers that were kept, and what they make of the scheme. */
export interface Refined {
  readonly options: SchemeOptions;
  readonly scheme: IntegerScheme;
  readonly numbers: StoredNumbers;
}

/** A way to better numbers for the same plan. */
interface NumberRefinement {
  /** What it is called, when the request asks for it. */
  readonly asked: (refinements: Refinements) => string | null;
  readonly needsSamples: boolean;
  /** @returns what it changes */
  readonly refine: (best: Refined) => Promise<Partial<StoredNumbers>>;
}

/** What to measure on calibration samples, in the float model that the scheme was made of. */
function calibrationTask({ options, scheme }: Refined) {
  const { samples, calibration: indices } = options;
  if (!samples) throw new Error('a refinement that needs samples has them');
  return { ...options, model: scheme.float, samples, indices, progress: () => {} };
}

/** Weights of the scheme by node, as they would plainly be stored. */
const plainWeights = ({ scheme }: Refined): Map<string, PlainWeights> =>
  new Map(scheme.integerWeights.flatMap(({ node, plain }) => (plain ? [[node, plain] as const] : [])));

async function weightRanges(best: Refined): Promise<Partial<StoredNumbers>> {
  const breathe = breathing(best.options.signal);
  const refinedWeights = new Map<string, QuantizedWeights>();
  for (const [node, plain] of plainWeights(best)) refinedWeights.set(node, await leastErrorWeights(plain, breathe));
  return { refinedWeights };
}

async function adaptiveRounding(best: Refined): Promise<Partial<StoredNumbers>> {
  const { numbers, scheme } = best;
  const task = calibrationTask(best);
  const plain = plainWeights(best);
  const breathe = breathing(task.signal);
  const refinedWeights = new Map(numbers.refinedWeights);
  const layers = scheme.plan.graph.nodes.filter(({ name }) => plain.has(name));
  const indices = task.indices.slice(0, MOMENT_SAMPLES * (task.samples.batch ?? 1));
  await secondMoments({ ...task, indices, layers }, async ({ name }, moments) => {
    const from = plain.get(name);
    if (!from) return;
    const start = numbers.refinedWeights.get(name) ?? from.quantized;
    refinedWeights.set(name, await roundedForInputs(from, start, moments, breathe));
  });
  return { refinedWeights };
}

const analyticBias = async (best: Refined): Promise<Partial<StoredNumbers>> => ({
  inputMeans: await measureInputMeans(calibrationTask(best), correctedInputs(best.scheme.plan)),
});

async function empiricalBias(best: Refined): Promise<Partial<StoredNumbers>> {
  const { scheme } = best;
  const task = { ...calibrationTask(best), float: scheme.float, quantized: scheme.model, plan: scheme.plan };
  return { biasShifts: await measureBiasShifts(task) };
}

/** In the order in which they are tried: the bias takes back what the weights lose. */
export const NUMBER_REFINEMENTS: readonly NumberRefinement[] = [
  {
    asked: ({ weight_ranges }) => (weight_ranges === 'mse' ? 'weight_ranges mse' : null),
    needsSamples: false,
    refine: weightRanges,
  },
  {
    asked: ({ rounding }) => (rounding === 'adaptive' ? 'rounding adaptive' : null),
    needsSamples: true,
    refine: adaptiveRounding,
  },
  {
    asked: ({ bias_correction }) => (bias_correction === 'analytic' ? 'bias_correction analytic' : null),
    needsSamples: true,
    refine: analyticBias,
  },
  {
    asked: ({ bias_correction }) => (bias_correction === 'empirical' ? 'bias_correction empirical' : null),
    needsSamples: true,
    refine: empiricalBias,
  },
];
