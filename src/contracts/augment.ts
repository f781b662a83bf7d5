import { z } from 'zod';

/** Pixels that a picture may be shifted by: beyond a few, small pictures show little but their edge. */
const MOST_CROP = 64;
const MOST_NOISE = 100;

/** How training changes the samples that it shows: every step draws anew, from the seed. */
export const Augment = z
  .strictObject({
    flip: z.boolean().default(false).meta({ description: 'Mirrors half of the pictures left to right.' }),
    crop: z.int().min(0).max(MOST_CROP).default(0).meta({
      description: 'Shifts pictures by up to so many pixels up or down and left or right; their edges are repeated.',
    }),
    noise: z
      .number()
      .min(0)
      .max(MOST_NOISE)
      .default(0)
      .meta({ description: "Standard deviation of normal noise, in units of the model's input." }),
    mixup: z.number().min(0).max(1).default(0).meta({
      description:
        'Mixes each sample with another one of its batch, its own share drawn from Beta(a, a) with this a; 1 draws any share alike. Labels mix in the same shares.',
    }),
  })
  .refine(({ flip, crop, noise, mixup }) => flip || crop + noise + mixup > 0, {
    message: 'Nothing would be changed: ask for flip, crop, noise or mixup, or leave augment out.',
  });
export type Augment = z.infer<typeof Augment>;

/** Names of what samples can be changed by. */
export const AUGMENTATIONS = ['flip', 'crop', 'noise', 'mixup'] as const satisfies readonly (keyof Augment)[];
