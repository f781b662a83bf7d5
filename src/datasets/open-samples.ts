import { join } from 'node:path';
import type { DatasetInspection } from '../contracts/dataset.js';
import type { ElementType, ValueSignature } from '../contracts/signature.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import type { DatasetMatch } from './admission/match.js';
import type { ArrayMatch } from './admission/match-array.js';
import { readArrays } from './formats/arrays.js';
import { preprocess } from './preprocess.js';
import { RawArray } from './raw-array.js';
import { checkIndices, type Samples } from './samples.js';

interface Source extends ArrayMatch {
  readonly raw: RawArray;
  readonly dtype: ElementType;
}

/**
 * Unpacks the arrays that the match needs into the folder `scratch`, once, under names of our own, and reads samples from there.
 * @param inputs the model's inputs, whose types the samples are cast to.
 * @throws ServiceError corrupt_dataset when the file changed since its admission, no_space.
 */
export async function openSamples(
  dataset: { readonly path: string; readonly inspection: DatasetInspection },
  match: DatasetMatch,
  inputs: readonly ValueSignature[],
  scratch: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<Samples> {
  const needed = new Set([...match.arrays.map(({ array }) => array), match.labels]);
  const unpacked = new Map<string, RawArray>();
  const close = async () => void (await Promise.all([...unpacked.values()].map((array) => array.close())));
  try {
    for await (const stream of readArrays(dataset.path, signal)) {
      if (!needed.has(stream.name)) continue;
      const path = join(scratch, `array-${unpacked.size}.raw`);
      unpacked.set(stream.name, await RawArray.unpack(stream, path, signal));
    }
    const sources = match.arrays.map((array): Source => {
      const dtype = inputs.find(({ name }) => name === array.input)?.dtype;
      const raw = unpacked.get(array.array);
      if (!dtype || !raw) throw new Error(`the match does not belong to this model and dataset: ${array.input}`);
      return { ...array, dtype, raw };
    });
    const labels = match.labels === null ? null : (unpacked.get(match.labels) ?? null);
    return samplesOf(dataset.inspection.samples, match.batch, sources, labels, close);
  } catch (error) {
    await close();
    throw error;
  }
}

function samplesOf(
  count: number,
  batch: number | null,
  sources: readonly Source[],
  labels: RawArray | null,
  close: () => Promise<void>,
): Samples {
  const read = async (source: Source, indices: readonly number[]): Promise<Tensor> => {
    const value = preprocess(await source.raw.rows(indices), source, source.dtype, indices);
    return source.alone ? { ...value, dims: value.dims.slice(1) } : value;
  };
  return {
    count,
    singleOnly: batch === 1,
    batch,
    async feeds(indices) {
      checkIndices({ count, batch }, indices);
      const feeds = new Map<string, Tensor>();
      for (const source of sources) feeds.set(source.input, await read(source, indices));
      return feeds;
    },
    async labels(indices) {
      return labels === null ? null : labels.rows(indices);
    },
    close,
  };
}
