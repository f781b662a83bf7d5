import type { Samples } from '../datasets/samples.js';

/** What quantization asks of samples. */
export type QuantizationSamples = Pick<Samples, 'batch' | 'feeds'>;

/** Rows of sample indices, one sample each or as many as the model insists on; an incomplete last row is left out. */
export function sampleRows(indices: readonly number[], { batch }: QuantizationSamples): number[][] {
  const size = batch ?? 1;
  const rows: number[][] = [];
  for (let start = 0; start + size <= indices.length; start += size) rows.push(indices.slice(start, start + size));
  return rows;
}
