import type { TemplateModel } from '../contracts/template-model.js';
import { encodeModel } from '../onnx/serde/encode-model.js';
import { ServiceError } from '../platform/errors.js';
import { derivedSeed, seededRandom } from '../platform/random.js';
import { TEMPLATE_INPUTS, TEMPLATES } from './templates.js';

/** A network is drawn while other clients wait: this many parameters take some tens of milliseconds. */
const MOST_PARAMETERS = 4_000_000;

/**
 * An untrained network as an ONNX file, its weights drawn from the seed. Equal specs give equal bytes.
 * @throws ServiceError invalid_request when the input does not suit the template, or the network is too large
 */
export function templateModel({ template, widths, input, output, classes, seed }: TemplateModel): Uint8Array {
  const taken = TEMPLATE_INPUTS[template];
  if (taken && !taken.ranks.includes(input.shape.length)) {
    const message = `The template ${template} takes ${taken.words}.`;
    throw new ServiceError('invalid_request', message, {
      errors: [{ pointer: '/input/shape', code: 'wrong_rank', message, received: `[${input.shape}]` }],
    });
  }
  const random = seededRandom(derivedSeed(seed, 'template'));
  const signature = { input: { name: input.name, dims: input.shape }, output, classes };
  return encodeModel(TEMPLATES[template](signature, widths, random, MOST_PARAMETERS));
}
