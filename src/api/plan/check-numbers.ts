import type { JobSpec } from '../../contracts/job-spec.js';
import { isIntegerOperator } from '../../contracts/operators.js';
import { ServiceError } from '../../platform/errors.js';
import type { ModelRow } from '../../storage/schema.js';

/**
 * That the numbers of a model that is to be quantized are not integers already, as far as its operators tell; weights stored in
 * 16 bits are the engine's to find.
 * @throws ServiceError already_quantized
 */
export function checkNumbers({ steps }: JobSpec, { inspection }: ModelRow): void {
  const found = Object.keys(inspection.operators).find(isIntegerOperator);
  // What a step before it trained is another model.
  const index = steps[0]?.type === 'quantize' && steps[0].scheme !== 'optimized' ? 0 : -1;
  if (found === undefined || index < 0) return;
  const message = `The model holds ${found}: its numbers are integers already.`;
  throw new ServiceError('already_quantized', message, {
    hint: 'Upload the FP32 model that it was made from, or take the scheme "optimized".',
    errors: [{ pointer: '/model', code: 'already_quantized', message }],
  });
}
