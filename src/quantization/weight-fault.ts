import { elements, type Tensor } from '../onnx/ir/tensor.js';
import type { WeightOperand } from './weight-operands.js';

/** Weights that end below this need a scale below the normal float32 numbers, which kernels take for 0; 2^8 steps from 2^-126 on. */
const SMALLEST_REACH = 2 ** -118;
/** Up to here the distance between two weights is a finite float32. */
const LARGEST_REACH = 2 ** 127 * (1 - 2 ** -24);

/** By constant, what is wrong with it: plans are made in rounds, and weights are many. */
const known = new WeakMap<Tensor, string | null>();

function faultOf(constant: Tensor): string | null {
  const weights = elements(constant, 'float32');
  let reach = 0;
  for (let i = 0; i < weights.length; i++) {
    const size = Math.abs(weights[i] as number);
    if (!Number.isFinite(size)) return `is ${weights[i]} at position ${i}, which no integer stands for`;
    if (size > reach) reach = size;
  }
  if (reach > LARGEST_REACH) return `reaches ${reach.toExponential(2)}, too far for a float32 scale`;
  return reach > 0 && reach < SMALLEST_REACH
    ? `reaches only ${reach.toExponential(2)}, too little for a float32 scale`
    : null;
}

/** Why weights must not become integers; null when they may. */
export function weightFault({ name, tensor }: Pick<WeightOperand, 'name' | 'tensor'>): string | null {
  let fault = known.get(tensor);
  if (fault === undefined) {
    fault = faultOf(tensor);
    known.set(tensor, fault);
  }
  return fault === null ? null : `Its weight "${name}" ${fault}.`;
}
