import { has16Bits } from '../contracts/activations.js';
import type { SettledStep } from '../contracts/quantize-step.js';
import type { Model } from '../onnx/ir/graph.js';
import { raiseOpset } from '../onnx/opset/raise-opset.js';
import { ServiceError } from '../platform/errors.js';
import { FOUR_BIT_OPSET } from './store-in-blocks.js';

/** What of int8_static needs integers of 4 or 16 bits; undefined where nothing does. */
function unusualIntegers({ scheme, activations, weight_bits }: SettledStep): string | undefined {
  if (scheme !== 'int8_static') return undefined;
  if (has16Bits(activations.type)) return '16-bit activations';
  return weight_bits === 4 ? '4-bit weights' : undefined;
}

/**
 * The model with the operator set that integers of 4 and 16 bits need. Local functions cannot be raised: weights of what runs in float are
 * then stored in 8 bits.
 * @throws ServiceError unsupported_opset when what int8_static was asked for cannot be had
 */
export function withNeededOpset(clean: Model, step: SettledStep): Model {
  const unusual = unusualIntegers(step);
  if (step.scheme !== 'int4_weights' && unusual === undefined) return clean;
  if (clean.functions.length === 0) return raiseOpset(clean, FOUR_BIT_OPSET).model;
  if (unusual === undefined) return clean;
  throw new ServiceError(
    'unsupported_opset',
    `${unusual} need operator set 21, and local functions hold the model at its own.`,
    { hint: 'Inline the local functions, or take 8 bits.' },
  );
}
