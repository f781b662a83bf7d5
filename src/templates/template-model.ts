import type { TemplateModel } from '../contracts/template-model.js';
import { encodeModel } from '../onnx/serde/encode-model.js';
import { ServiceError } from '../platform/errors.js';
import { derivedSeed, seededRandom } from '../platform/random.js';
import { TEMPLATES } from './templates.js';

/** A network is drawn while other clients wait: this many parameters take some tens of milliseconds. */
const MOST_PARAMETERS = 4_000_000;

/**
 * An untrained network as an ONNX file, its weights drawn from the seed. Equal specs give equal bytes.
 * @throws ServiceError invalid_request when the input does not suit the template, or the network is too large
 */
export function templateModel({ template, widths, input, output, classes, seed }: TemplateModel): Uint8Array {
  if (template !== 'mlp' && input.shape.length !== 3) {
    const message = `The template ${template} takes pictures [channels, height, width].`;
    throw new ServiceError('invalid_request', message, {
      errors: [{ pointer: '/input/shape', code: 'not_a_picture', message, received: `[${input.shape}]` }],
    });
  }
  const random = seededRandom(derivedSeed(seed, 'template'));
  const signature = { input: { name: input.name, dims: input.shape }, output, classes };
  return encodeModel(TEMPLATES[template](signature, widths, random, MOST_PARAMETERS));
}
