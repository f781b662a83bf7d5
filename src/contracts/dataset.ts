import { z } from 'zod';
import { DatasetId, Sha256, Timestamp } from './ids.js';
import { ElementType } from './signature.js';

export const MAX_DATASET_ARRAYS = 64;

/** A factor or addend: one number, or one per channel (axis 1 of the stacked samples). */
const PerChannel = z.union([z.number(), z.array(z.number()).min(1).max(4096)]);

/** How one array's raw values become a model input: raw · scale + offset, cast to the input's type. */
export const ArrayManifest = z.strictObject({
  input: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .meta({ description: "The model input it feeds; default: the array's own name." }),
  scale: PerChannel.default(1),
  offset: PerChannel.default(0),
  layout: z
    .enum(['as_is', 'nhwc_to_nchw'])
    .default('as_is')
    .meta({ description: 'nhwc_to_nchw moves the last axis of each sample to the front before anything else.' }),
});
export type ArrayManifest = z.infer<typeof ArrayManifest>;

/** Half-open sample ranges [from, to). */
const Range = z
  .tuple([z.int().min(0), z.int().min(1)])
  .refine(([from, to]) => from < to, 'expected [from, to) with from < to');

export const SPLIT_NAMES = ['calibration', 'training', 'selection', 'evaluation'] as const;
export type SplitName = (typeof SPLIT_NAMES)[number];

export const DatasetManifest = z
  .strictObject({
    arrays: z
      .record(z.string(), ArrayManifest)
      .refine((arrays) => Object.keys(arrays).length <= MAX_DATASET_ARRAYS, `at most ${MAX_DATASET_ARRAYS} arrays`)
      .default({}),
    labels: z.string().nullable().optional().meta({
      description:
        'The array that holds the labels; default: an array named labels, if there is one. null: there are none.',
    }),
    splits: z.partialRecord(z.enum(SPLIT_NAMES), Range).optional(),
  })
  .meta({ id: 'DatasetManifest' });
export type DatasetManifest = z.infer<typeof DatasetManifest>;

export const ArrayInspection = z.object({
  name: z.string(),
  dtype: ElementType,
  shape: z.array(z.int().min(0)),
  bytes: z.int(),
  first_non_finite: z
    .int()
    .nullable()
    .meta({ description: 'The first sample that holds a NaN or an infinity; null when every value is finite.' }),
  range: z.tuple([z.number(), z.number()]).nullable().optional().meta({
    description: 'The least and the greatest value of an array of one whole number per sample; null for others.',
  }),
});
export type ArrayInspection = z.infer<typeof ArrayInspection>;

export const DatasetInspection = z.object({
  format: z.enum(['npz', 'npy']),
  samples: z.int().meta({ description: 'The length of the first axis, which all arrays share.' }),
  arrays: z.array(ArrayInspection),
});
export type DatasetInspection = z.infer<typeof DatasetInspection>;

export const Dataset = z
  .object({
    object: z.literal('dataset'),
    id: DatasetId,
    name: z.string(),
    bytes: z.int(),
    sha256: Sha256,
    created_at: Timestamp,
    deduplicated: z.boolean().optional(),
    manifest: DatasetManifest,
    inspection: DatasetInspection,
    urls: z.object({ self: z.string(), content: z.string() }),
  })
  .meta({ id: 'Dataset' });
export type Dataset = z.infer<typeof Dataset>;
