import { z } from 'zod';
import { Estimate } from './estimate.js';

export const MAX_DROPPED_LAYERS = 256;

const Ratio = z.number().gt(0).lt(1);

/** How a student is cut out of the teacher. */
export const FromTeacher = z
  .strictObject({
    width: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .meta({ description: 'Share of the channels that each group keeps; 1 when neither it nor a target is given.' }),
    target: z
      .union([
        z.strictObject({ size_ratio: Ratio.meta({ description: 'Bytes of the constants.' }) }),
        z.strictObject({ operations_ratio: Ratio.meta({ description: 'Multiplications for one sample.' }) }),
        z.strictObject({
          latency_ratio: Ratio.meta({
            description:
              'Time of a run, measured here; the upper end of its interval counts, so that noise never makes a student pass.',
          }),
        }),
      ])
      .optional()
      .meta({ description: 'The widest student whose ratio to the cleaned-up teacher is at most this.' }),
    drop_layers: z
      .int()
      .min(0)
      .max(MAX_DROPPED_LAYERS)
      .default(0)
      .meta({ description: 'Residual blocks that go, those without which the output changes least.' }),
    keep: z.array(z.string().min(1).max(512)).max(64).default([]).meta({
      description:
        'Layers, by name or glob with *, whose channels all stay, and those of all layers that move with them: of a transformer, one that makes its tokens.',
    }),
    samples: z.int().min(16).max(100_000).default(1024).meta({
      description: 'Training samples, labels unread, on which the remaining layers are solved by least squares.',
    }),
  })
  .refine(({ width, target }) => width === undefined || target === undefined, {
    message: 'Give a width or a target, not both.',
    path: ['target'],
  })
  .refine(({ width = 1, target, drop_layers }) => width < 1 || target !== undefined || drop_layers > 0, {
    message: 'Nothing would be cut: give a width below 1, a target, or a number of layers to drop.',
    path: ['width'],
  });
export type FromTeacher = z.infer<typeof FromTeacher>;

/** What was cut out of the teacher, and what stayed. */
export const DerivationReport = z.object({
  width: z.number().meta({ description: 'Share of the channels that was kept where they could be cut.' }),
  parameters: z.object({ teacher: z.int(), student: z.int() }),
  operations: z
    .object({ teacher: z.number(), student: z.number() })
    .meta({ description: 'Multiplications of one batch.' }),
  latency_ratio: Estimate.optional().meta({
    description:
      'Time of a run against the cleaned-up teacher, where that was the target: measured anew once the student was chosen.',
  }),
  groups: z
    .array(
      z.object({
        layers: z.array(z.string()),
        channels: z.int(),
        kept: z.int(),
        reason: z.string().nullable().meta({ description: 'Why nothing could be cut.' }),
      }),
    )
    .meta({ description: 'Channels that move together, by the layers that make them.' }),
  dropped: z.array(
    z.object({
      block: z.string(),
      change: z.number().meta({ description: 'Mean squared change of the output, relative to its mean square.' }),
    }),
  ),
  solved: z.object({
    samples: z.int(),
    layers: z
      .int()
      .meta({ description: 'Layers that least squares brought closer to the teacher on held-out samples.' }),
    left: z.int().meta({
      description:
        'Layers that it did not bring nearer, or that have too many inputs to be solved (4,096² products of inputs); they keep the weights of the teacher.',
    }),
  }),
  before_training: z.object({ teacher: z.number(), sliced: z.number(), solved: z.number() }).meta({
    description:
      'The metric on selection samples: teacher, slices as they are, and after least squares; nothing trained.',
  }),
});
export type DerivationReport = z.infer<typeof DerivationReport>;

/** Operators through which channels are followed, in the standard domain; at others they stay whole. */
export const FOLLOWED_OPERATORS = [
  'Abs',
  'Add',
  'And',
  'AveragePool',
  'BatchNormalization',
  'Cast',
  'Ceil',
  'Celu',
  'Clip',
  'Concat',
  'Conv',
  'ConvTranspose',
  'Cos',
  'Div',
  'Dropout',
  'Elu',
  'Equal',
  'Erf',
  'Exp',
  'Flatten',
  'Floor',
  'Gather',
  'Gelu',
  'Gemm',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'Greater',
  'GreaterOrEqual',
  'HardSigmoid',
  'HardSwish',
  'Identity',
  'InstanceNormalization',
  'LayerNormalization',
  'LeakyRelu',
  'Less',
  'LessOrEqual',
  'Log',
  'LogSoftmax',
  'LpNormalization',
  'LpPool',
  'MatMul',
  'Max',
  'MaxPool',
  'Mean',
  'Min',
  'Mish',
  'Mod',
  'Mul',
  'Neg',
  'Not',
  'Or',
  'PRelu',
  'Pad',
  'Pow',
  'Reciprocal',
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSum',
  'ReduceLogSumExp',
  'ReduceMax',
  'ReduceMean',
  'ReduceMin',
  'ReduceProd',
  'ReduceSum',
  'ReduceSumSquare',
  'Relu',
  'Reshape',
  'Resize',
  'Round',
  'Selu',
  'Shape',
  'Sigmoid',
  'Sign',
  'Sin',
  'Slice',
  'Softmax',
  'Softplus',
  'Softsign',
  'Split',
  'Sqrt',
  'Squeeze',
  'Sub',
  'Sum',
  'Tanh',
  'ThresholdedRelu',
  'Transpose',
  'Unsqueeze',
  'Where',
  'Xor',
] as const;
