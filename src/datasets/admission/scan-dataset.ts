import type { ArrayInspection, DatasetInspection } from '../../contracts/dataset.js';
import { byteLength } from '../../onnx/ir/tensor.js';
import { ServiceError } from '../../platform/errors.js';
import { detectFormat, readArrays } from '../formats/arrays.js';
import { FiniteCheck } from '../formats/finite.js';
import { MAX_SAMPLES } from '../formats/limits.js';
import { ValueRange } from '../formats/value-range.js';

/** Reads a dataset once, from the first byte to the last, at constant memory: sizes, checksums, NaN and infinity. */
export async function scanDataset(path: string, signal: AbortSignal): Promise<DatasetInspection> {
  const format = await detectFormat(path);
  const arrays: ArrayInspection[] = [];
  for await (const { name, header, data } of readArrays(path, signal)) {
    const { dtype, shape } = header;
    const [samples, ...sample] = shape;
    if (samples === undefined)
      throw new ServiceError('inconsistent_dataset', `Array ${JSON.stringify(name)} is a scalar.`, {
        hint: 'The first axis of every array is the sample: give a constant as an array of one value per sample.',
      });
    const elementsPerSample = sample.reduce((product, size) => product * size, 1);
    const check = new FiniteCheck(dtype);
    // Only one number per sample can be a class.
    const values = elementsPerSample === 1 ? new ValueRange(dtype) : null;
    for await (const chunk of data) {
      signal.throwIfAborted();
      check.add(chunk);
      values?.add(chunk);
    }
    arrays.push({
      name,
      dtype,
      shape: [...shape],
      bytes: byteLength(dtype, shape),
      first_non_finite: check.first === null ? null : Math.floor(check.first / elementsPerSample),
      range: values?.range ?? null,
    });
  }
  return { format, samples: commonLength(arrays), arrays };
}

function commonLength(arrays: readonly ArrayInspection[]): number {
  const first = arrays[0];
  if (!first) throw new ServiceError('not_a_dataset', 'The archive holds no arrays.');
  const samples = first.shape[0] ?? 0;
  const other = arrays.find((array) => array.shape[0] !== samples);
  if (other)
    throw new ServiceError(
      'inconsistent_dataset',
      `Array ${JSON.stringify(first.name)} holds ${samples} samples, array ${JSON.stringify(other.name)} holds ${other.shape[0]}.`,
      { hint: 'The first axis of every array is the sample; all arrays must have the same number of them.' },
    );
  if (samples > MAX_SAMPLES)
    throw new ServiceError(
      'dataset_limit_exceeded',
      `The dataset holds ${samples} samples; the limit is ${MAX_SAMPLES}.`,
      {
        hint: 'The first axis of every array is the sample.',
      },
    );
  if (samples === 0) throw new ServiceError('dataset_too_small', 'The dataset holds no samples.');
  return samples;
}
