import { isSettled, type QuantizeStep, type SettledStep } from '../contracts/quantize-step.js';
import type { Recipe } from '../contracts/search-plan.js';
import type { Samples } from '../datasets/samples.js';
import { type Quantized, type QuantizeOptions, quantizeModel } from '../quantization/quantize-model.js';
import { pinnedModel } from './pinned-model.js';

export interface RecipeOptions extends Omit<QuantizeOptions, 'step' | 'keptInFloat' | 'samples'> {
  /** Null when there is no dataset. */
  readonly samples: Samples | null;
  /** Samples at a time, where the model leaves it open. */
  readonly batch: number;
}

/** The same samples for a model that takes them by `batch` only. */
export const inBatches = (samples: Samples, batch: number): Samples => ({
  count: samples.count,
  singleOnly: samples.singleOnly,
  batch: samples.batch ?? batch,
  feeds: (indices) => samples.feeds(indices),
  labels: (indices) => samples.labels(indices),
  close: () => samples.close(),
});

function settledStep(step: QuantizeStep): SettledStep {
  if (!isSettled(step)) throw new Error('a recipe names a scheme');
  return step;
}

/** Makes the model that a recipe describes: equal recipes, models, samples and CPUs give equal bytes. @throws as quantizeModel */
export async function carryOut(
  recipe: Recipe & { readonly step: QuantizeStep },
  options: RecipeOptions,
): Promise<Quantized> {
  const { samples, batch } = options;
  const step = settledStep(recipe.step);
  const keptInFloat = recipe.float_nodes;
  if (!recipe.pin_shapes || !samples) return quantizeModel({ ...options, step, keptInFloat });
  const fixed = inBatches(samples, batch);
  const { model, changes } = await pinnedModel({ ...options, samples: fixed });
  const quantized = await quantizeModel({ ...options, model, samples: fixed, step, keptInFloat });
  const note = `Shapes are pinned to what the dataset sends, ${fixed.batch} at a time: ${changes} nodes that only computed with shapes, or asked for them, are gone.`;
  return { ...quantized, notes: [note, ...quantized.notes] };
}
