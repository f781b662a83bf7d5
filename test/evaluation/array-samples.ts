import type { Samples } from '../../src/datasets/samples.js';
import { int64s, type Tensor, tensor } from '../../src/onnx/ir/tensor.js';

/** Samples over rows of numbers, fed to input `x`. */
export function arraySamples(
  rows: readonly (readonly number[])[],
  options: { readonly labels?: readonly (readonly number[])[]; readonly batch?: number | null } = {},
): Samples & { readonly asked: number[][] } {
  const asked: number[][] = [];
  const pick = (all: readonly (readonly number[])[], indices: readonly number[]) =>
    indices.map((index) => all[index] as readonly number[]);
  return {
    count: rows.length,
    singleOnly: options.batch === 1,
    batch: options.batch ?? null,
    asked,
    async feeds(indices) {
      asked.push([...indices]);
      const picked = pick(rows, indices);
      const x: Tensor = tensor('float32', [indices.length, picked[0]?.length ?? 0], Float32Array.from(picked.flat()));
      return new Map([['x', x]]);
    },
    async labels(indices) {
      if (!options.labels) return null;
      const picked = pick(options.labels, indices);
      const width = picked[0]?.length ?? 0;
      return int64s(picked.flat(), width === 1 ? [indices.length] : [indices.length, width]);
    },
    async close() {},
  };
}
