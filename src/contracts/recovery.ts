import { z } from 'zod';

export const RecoveryLoss = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z
      .literal('kd')
      .meta({ description: 'Softened Kullback-Leibler divergence, for scores or probabilities of classes.' }),
    temperature: z.number().min(0.1).max(100).default(4),
  }),
  z.strictObject({ kind: z.literal('mse').meta({ description: 'Mean squared difference of the outputs.' }) }),
  z.strictObject({ kind: z.literal('cosine').meta({ description: '1 − cosine similarity, for embeddings.' }) }),
]);
export type RecoveryLoss = z.infer<typeof RecoveryLoss>;

/** How a quantized model learns from the model that it was made of. */
export const Recovery = z.strictObject({
  epochs: z.int().min(1).max(1000).default(6),
  batch_size: z.int().min(1).max(4096).default(64),
  learning_rate: z.number().positive().max(1).default(0.01).meta({
    description:
      'Of Adam, falling along a cosine. It counts in steps of the quantization grid, so that it means the same for 2 bits and for 8.',
  }),
  samples: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(4096)
    .meta({ description: 'Training samples to use at most; drawn by the seed. Labels are not read.' }),
  scales: z.enum(['frozen', 'learned']).default('frozen').meta({
    description:
      'learned: the scales of weights are trained beside their integers, where nothing else depends on them. Those of activations stay as they were calibrated.',
  }),
  patience: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .meta({ description: 'Epochs without a lower held-out loss after which training stops; null never stops early.' }),
  loss: RecoveryLoss.optional().meta({
    description:
      'Against the outputs of the model before the step. Default: kd when the metric is about classes, else mse.',
  }),
});
export type Recovery = z.infer<typeof Recovery>;

/** The field of a quantize step: true takes the defaults. */
export const RecoverField = z
  .union([z.boolean(), Recovery])
  .overwrite((recover) => (recover === true ? Recovery.parse({}) : recover));

/** What a step asks for; null when it asks for no recovery. */
export const recoveryOf = ({ recover }: { readonly recover?: boolean | Recovery | undefined }): Recovery | null => {
  if (recover === undefined || recover === false) return null;
  return recover === true ? Recovery.parse({}) : recover;
};

export const RECOVERY_OUTCOMES = ['gain', 'no_gain', 'loss'] as const;
