import type { Augment } from '../../contracts/augment.js';
import { derivedSeed, seededRandom } from '../../platform/random.js';
import type { Feeds } from '../../runtime/session.js';
import { drawMix, type Mix, mixed } from './mixup.js';
import { movePictures } from './move-pictures.js';
import { withNoise } from './noise.js';

/** Where in a training a batch, or a part of one, is shown. */
export interface Moment {
  readonly epoch: number;
  /** Counts the parts of all batches of the epoch. */
  readonly part: number;
}

/** Samples as one step shows them. */
export interface View {
  readonly feeds: Feeds;
  /** How samples were mixed, for their labels; null when they were not. */
  readonly mix: Mix | null;
}

/**
 * The view of samples at one moment, which depends on the seed and the moment alone: a resumed training sees what it would have seen.
 * @param feeds of the model's only input, which checkAugmentation has let through
 */
export function viewOf(feeds: Feeds, { flip, crop, noise, mixup }: Augment, seed: number, at: Moment): View {
  const random = seededRandom(derivedSeed(seed, 'augment', at.epoch, at.part));
  let mix: Mix | null = null;
  const seen = [...feeds].map(([name, given]) => {
    let x = given;
    if (flip || crop > 0) x = movePictures(x, { flip, crop }, random);
    if (mixup > 0) {
      mix = drawMix(x.dims[0] ?? 1, mixup, random);
      x = mixed(x, mix);
    }
    if (noise > 0) x = withNoise(x, noise, random);
    return [name, x] as const;
  });
  return { feeds: new Map(seen), mix };
}
