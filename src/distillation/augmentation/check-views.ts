import type { Augment } from '../../contracts/augment.js';
import { checkAugmentation } from '../../datasets/admission/check-augmentation.js';
import type { Samples } from '../../datasets/samples.js';

/**
 * That what one step shows of the samples can be changed as is asked for.
 * @throws ServiceError invalid_request
 */
export async function checkViews(augment: Augment, samples: Samples, first: number, batch: number): Promise<void> {
  const feeds = await samples.feeds(Array.from({ length: batch }, () => first));
  const inputs = [...feeds].map(([name, { dtype, dims }]) => ({ name, dtype, shape: [...dims] }));
  checkAugmentation(augment, inputs, batch, '/training/augment');
}
