import type { ElementType } from '../contracts/signature.js';
import { numbers } from '../onnx/ir/numbers.js';
import { elementCount, type Tensor } from '../onnx/ir/tensor.js';
import { ServiceError } from '../platform/errors.js';
import type { ArrayMatch } from './admission/match-array.js';
import { castTo, firstOutside } from './cast.js';
import { channelsFirst } from './channels-first.js';

const isNeutral = ({ scale, offset }: ArrayMatch): boolean => scale === 1 && offset === 0;

/**
 * Turns stacked raw samples into a model input: layout first, then raw · scale + offset, then the cast to the input's type. The arithmetic is
 * float32, as numpy's on float32 arrays (float64 for float64 inputs), so a dataset prepared elsewhere by the same formula is equal bit by bit.
 * @throws ServiceError dataset_mismatch when an integer type cannot hold a value.
 */
export function preprocess(raw: Tensor, match: ArrayMatch, dtype: ElementType, indices: readonly number[]): Tensor {
  const ordered = match.layout === 'nhwc_to_nchw' ? channelsFirst(raw) : raw;
  if (isNeutral(match) && ordered.dtype === dtype) return ordered;
  const values = isNeutral(match) ? numbers(ordered) : scaled(numbers(ordered), match, dtype);
  const outside = firstOutside(values, dtype);
  if (outside >= 0)
    throw new ServiceError(
      'dataset_mismatch',
      `Array ${JSON.stringify(match.array)} holds ${values[outside]} in sample ${indices[Math.floor(outside / elementCount(match.sample))]}, which the input ${JSON.stringify(match.input)} of type ${dtype} cannot hold.`,
    );
  return { dtype, dims: ordered.dims, bytes: castTo(values, dtype) };
}

/** raw · scale + offset, rounded after each operation. Per-channel values belong to axis 1, the first axis of each sample. */
function scaled(values: ArrayLike<number>, match: ArrayMatch, dtype: ElementType): Float32Array | Float64Array {
  const round = dtype === 'float64' ? (value: number) => value : Math.fround;
  const result = dtype === 'float64' ? new Float64Array(values.length) : new Float32Array(values.length);
  const channels = match.sample[0] ?? 1;
  const inner = elementCount(match.sample.slice(1));
  const perChannel = (given: number | readonly number[]): readonly number[] =>
    Array.from({ length: channels }, (_, c) => round(typeof given === 'number' ? given : (given[c] ?? 0)));
  const scale = perChannel(match.scale);
  const offset = perChannel(match.offset);
  for (let start = 0, c = 0; start < values.length; start += inner, c = (c + 1) % channels) {
    const factor = scale[c] ?? 1;
    const addend = offset[c] ?? 0;
    for (let i = start; i < start + inner; i++) result[i] = round(round(values[i] ?? 0) * factor) + addend;
  }
  return result;
}
