import { z } from 'zod';
import { Sha256 } from './ids.js';
import { QuantizeStep } from './quantize-step.js';
import { CandidateReport } from './report.js';

/** All that decides the bytes of a quantized model, beside the model, the samples and the seed. */
export const Recipe = z.strictObject({
  /** With a scheme other than auto; null leaves the model as it is. */
  step: QuantizeStep.nullable(),
  /** In words, how the scheme is applied. */
  variant: z.string(),
  pin_shapes: z.boolean(),
  /** Nodes that were put back to float because they cost too much of the metric. */
  float_nodes: z.array(z.string()),
});
export type Recipe = z.infer<typeof Recipe>;

/** What a search decided, as the artifact `plan.json`: carried out again it gives equal bytes, without any timing. */
export const SearchPlan = z.strictObject({
  object: z.literal('plan'),
  version: z.literal(1),
  model: Sha256,
  dataset: Sha256.nullable(),
  seed: z.int(),
  instruction_sets: z.array(z.string()),
  recipe: Recipe,
  candidates: z.array(CandidateReport),
});
export type SearchPlan = z.infer<typeof SearchPlan>;
