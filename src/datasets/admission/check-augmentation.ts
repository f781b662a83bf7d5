import type { Augment } from '../../contracts/augment.js';
import type { ValueSignature } from '../../contracts/signature.js';
import { ServiceError } from '../../platform/errors.js';

/** More channels than this in front, and no more than this behind, are taken for pictures with their channels last. */
const MOST_COLOURS = 4;

/**
 * That samples can be changed as a training asks for: it takes a model of one float32 input, and pictures [N, channels, height, width] to be
 * mirrored and shifted.
 * @param batch samples that a step shows at a time
 * @param pointer of the augmentation in the job
 * @throws ServiceError invalid_request that says what does not fit
 */
export function checkAugmentation(
  { flip, crop, mixup }: Augment,
  inputs: readonly ValueSignature[],
  batch: number,
  pointer: string,
): void {
  const refuse = (message: string, field = '', hint?: string) => {
    throw new ServiceError('invalid_request', message, {
      errors: [{ pointer: `${pointer}${field}`, code: 'not_applicable', message }],
      ...(hint !== undefined && { hint }),
    });
  };
  const [input] = inputs;
  if (inputs.length !== 1 || input?.dtype !== 'float32') {
    const found = inputs.map(({ name, dtype }) => `${name} (${dtype})`).join(', ');
    refuse(`Samples can be changed where a model takes one float32 input; this one takes ${found || 'none'}.`);
  }
  if (mixup > 0 && batch < 2)
    refuse('Samples are mixed with others of their batch, and a batch of this model or training holds one.', '/mixup');
  const shape = input?.shape ?? null;
  const field = flip ? '/flip' : '/crop';
  if (!(flip || crop > 0) || shape === null) return;
  const [, channels, height, width] = shape;
  if (shape.length !== 4)
    refuse(
      `Pictures [N, channels, height, width] can be mirrored and shifted; the input ${input?.name} has ${shape.length} axes.`,
      field,
      'Leave flip and crop out; noise and mixup take any shape.',
    );
  if (typeof channels === 'number' && typeof width === 'number' && channels > MOST_COLOURS && width <= MOST_COLOURS)
    refuse(
      `The input ${input?.name} [${shape.map((size) => size ?? '?')}] looks like pictures with their channels last, which cannot be mirrored and shifted.`,
      field,
      'Give a model whose input is [N, channels, height, width].',
    );
  const sides = [height, width].filter((size) => typeof size === 'number');
  if (sides.some((side) => 2 * crop >= side))
    refuse(
      `Pictures of ${sides.join(' by ')} pixels, shifted by up to ${crop}, would keep less than half of what they show.`,
      '/crop',
    );
}
