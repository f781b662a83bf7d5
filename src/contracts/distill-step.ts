import { z } from 'zod';
import { Augment } from './augment.js';
import { FromTeacher } from './derived-student.js';
import { HintSpec, MAX_HINTS } from './hint.js';
import { ModelId } from './ids.js';
import { QuantizeAware } from './quantize-aware.js';

/** Share of cross-entropy on labels in a mixed loss; the rest is the teacher's. */
const LabelShare = z
  .number()
  .min(0)
  .max(1)
  .default(0)
  .meta({ description: 'Share of the cross-entropy on labels; the rest is the loss against the teacher.' });
const Temperature = (fallback: number) => z.number().min(0.1).max(100).default(fallback);

export const DistillLoss = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z
      .literal('kd')
      .meta({ description: 'T² · KL(softmax(teacher / T) ‖ softmax(student / T)), mean over samples.' }),
    temperature: Temperature(4),
    standardize: z
      .boolean()
      .default(false)
      .meta({ description: "First give each sample's logits mean 0 and standard deviation 1." }),
    labels: LabelShare,
  }),
  z.strictObject({
    kind: z.literal('dkd').meta({ description: 'Decoupled distillation; needs labels.' }),
    temperature: Temperature(4),
    alpha: z.number().min(0).max(100).default(1),
    beta: z.number().min(0).max(100).default(8),
    labels: LabelShare,
  }),
  z.strictObject({
    kind: z.literal('dist').meta({ description: 'Correlation with the teacher between and within classes.' }),
    temperature: Temperature(1),
    beta: z.number().min(0).max(100).default(1),
    gamma: z.number().min(0).max(100).default(1),
    labels: LabelShare,
  }),
  z.strictObject({ kind: z.literal('mse').meta({ description: "Mean squared difference to the teacher's output." }) }),
  z.strictObject({ kind: z.literal('huber'), delta: z.number().positive().max(1e6).default(1) }),
  z.strictObject({ kind: z.literal('cosine').meta({ description: '1 − cosine similarity, for embeddings.' }) }),
  z.strictObject({
    kind: z.literal('labels').meta({ description: 'Cross-entropy on labels; the teacher is not asked.' }),
  }),
]);
export type DistillLoss = z.infer<typeof DistillLoss>;

const WeightDecay = z
  .number()
  .min(0)
  .max(10)
  .default(0.01)
  .meta({ description: 'Not applied to biases and other vectors.' });

export const OptimizerSpec = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('adamw'),
    learning_rate: z.number().positive().max(10).default(0.001),
    weight_decay: WeightDecay,
  }),
  z.strictObject({
    kind: z.literal('sgd'),
    learning_rate: z.number().positive().max(10).default(0.05),
    momentum: z.number().min(0).max(0.9999).default(0.9),
    nesterov: z.boolean().default(true),
    weight_decay: WeightDecay,
  }),
]);
export type OptimizerSpec = z.infer<typeof OptimizerSpec>;

export const SCHEDULES = ['constant', 'linear', 'cosine'] as const;
export type ScheduleKind = (typeof SCHEDULES)[number];

export const Training = z.strictObject({
  epochs: z
    .int()
    .min(0)
    .max(10_000)
    .default(30)
    .meta({ description: '0 trains nothing, which makes sense for a student cut out of its teacher.' }),
  batch_size: z.int().min(1).max(4096).default(64),
  optimizer: OptimizerSpec.prefault({ kind: 'adamw' }),
  schedule: z.enum(SCHEDULES).default('cosine').meta({ description: 'How the learning rate falls after the warm-up.' }),
  warmup: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.05)
    .meta({ description: 'Share of all steps over which the learning rate rises.' }),
  clip_norm: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .meta({ description: 'Largest common norm of the gradients; null does not clip.' }),
  ema: z
    .number()
    .min(0)
    .max(0.99999)
    .nullable()
    .default(null)
    .meta({ description: 'Decay of a moving average of the weights, which is then the result; null keeps none.' }),
  patience: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .meta({ description: 'Epochs without a lower held-out loss after which training stops; null never stops early.' }),
  augment: Augment.nullable().default(null).meta({
    description:
      'How samples are changed before they are shown, to the teacher and the student alike; null shows them as they are.',
  }),
  freeze: z.array(z.string().min(1).max(512)).max(64).default([]).meta({
    description:
      'What keeps its weights: names of nodes or weights, globs with *, operator types. A frozen BatchNormalization keeps its running statistics, a frozen Dropout drops nothing.',
  }),
});
export type Training = z.infer<typeof Training>;

export const TEMPLATE_NAMES = ['mlp', 'cnn', 'depthwise_cnn', 'transformer'] as const;
export type TemplateName = (typeof TEMPLATE_NAMES)[number];
export const MAX_TEMPLATE_LAYERS = 32;

export const MAX_CLASSES = 65_536;

/** A network of ours. */
export const Template = z.strictObject({
  template: z.enum(TEMPLATE_NAMES),
  widths: z.array(z.int().min(1).max(8192)).min(1).max(MAX_TEMPLATE_LAYERS).meta({
    description:
      'Of the hidden layers (mlp), channels of the stages (cnn, depthwise_cnn), or of the blocks, all equal (transformer).',
  }),
});

const PartOfTeacher = FromTeacher.safeExtend({ from: z.literal('teacher') });

/** The same as it was written at first, which stored jobs and older callers still do. */
const PartOfTeacherAtFirst = z
  .strictObject({ from_teacher: FromTeacher })
  .transform(({ from_teacher }): z.input<typeof PartOfTeacher> => ({ ...from_teacher, from: 'teacher' }))
  .pipe(PartOfTeacher);

/** What is trained: a network of ours, fitted to the teacher's input and output, one that was uploaded, or a part of the teacher. */
export const Student = z.union([
  Template.extend({
    classes: z.int().min(2).max(MAX_CLASSES).optional().meta({
      description: 'How many classes the labels have, in a job that names no model; else the model tells.',
    }),
  }),
  z.strictObject({
    model: ModelId.meta({ description: "An uploaded model with the teacher's inputs and scored output." }),
  }),
  PartOfTeacher.meta({
    description: 'The teacher with fewer channels or layers, the rest solved by least squares, then trained.',
  }),
  PartOfTeacherAtFirst.meta({ description: 'The same, as older callers write it.', deprecated: true }),
]);
export type Student = z.infer<typeof Student>;

export const DistillStep = z
  .strictObject({
    type: z.literal('distill'),
    student: Student,
    loss: DistillLoss.prefault({ kind: 'kd' }),
    hints: z.array(HintSpec).max(MAX_HINTS).default([]).meta({
      description: 'Values inside the student that are to come near to those inside the teacher, besides the loss.',
    }),
    training: Training.prefault({}),
    quantize_aware: QuantizeAware.optional().meta({
      description:
        'Then quantizes the student and lets the teacher teach it on in few bits; the better of both by a paired test is the result, and the float student lies beside it. Only in the last step.',
    }),
  })
  .refine(({ loss, training }) => loss.kind !== 'dkd' || (training.augment?.mixup ?? 0) === 0, {
    message: 'The loss dkd sets one class of each sample apart, and mixed samples have two: take another loss.',
    path: ['training', 'augment', 'mixup'],
  });
export type DistillStep = z.infer<typeof DistillStep>;

/** Operators that a student can be trained through, in the standard domain. */
export const TRAINABLE_OPERATORS = [
  'Abs',
  'Add',
  'AveragePool',
  'BatchNormalization',
  'Celu',
  'Clip',
  'Concat',
  'Conv',
  'ConvTranspose',
  'Cos',
  'CumSum',
  'DepthToSpace',
  'DequantizeLinear',
  'Div',
  'Dropout',
  'DynamicQuantizeLinear',
  'Elu',
  'Erf',
  'Exp',
  'Expand',
  'Flatten',
  'GRU',
  'Gather',
  'GatherElements',
  'Gelu',
  'Gemm',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'HardSigmoid',
  'HardSwish',
  'Identity',
  'InstanceNormalization',
  'LSTM',
  'LayerNormalization',
  'LeakyRelu',
  'Log',
  'LogSoftmax',
  'LpNormalization',
  'MatMul',
  'Max',
  'MaxPool',
  'Mean',
  'Min',
  'Mish',
  'Mul',
  'Neg',
  'PRelu',
  'Pad',
  'Pow',
  'QuantizeLinear',
  'RNN',
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
  'Selu',
  'Sigmoid',
  'Sin',
  'Slice',
  'Softmax',
  'Softplus',
  'Softsign',
  'SpaceToDepth',
  'Split',
  'Sqrt',
  'Squeeze',
  'Sub',
  'Sum',
  'Tanh',
  'ThresholdedRelu',
  'Tile',
  'Transpose',
  'Unsqueeze',
  'Where',
] as const;
