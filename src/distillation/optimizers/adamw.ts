import { adamwKernel } from './adamw-kernel.js';
import type { Decays, Optimizer, Parameters } from './optimizer.js';

/** The defaults of PyTorch. */
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** Numbers that pass through the kernel at a time: four arrays of them stay in the cache. */
const CHUNK = 8192;
const BYTES = Float32Array.BYTES_PER_ELEMENT;
/** Whole vectors of the kernel. */
const padded = (count: number) => Math.ceil(count / 4) * 4;

/**
 * AdamW (Loshchilov and Hutter 2019, algorithm 2; the form of PyTorch): decay w ← w − lr·λ·w, then
 * m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², w ← w − lr · (m / (1−β₁ᵗ)) / (√(v / (1−β₂ᵗ)) + ε), in float32.
 * The moments live in the kernel's memory; weights and gradients pass through it in chunks.
 */
export function adamw(weights: Parameters, decays: Decays, weightDecay: number): Optimizer {
  const sizes = [...weights].map(([name, { length }]) => ({ name, length }));
  const numbers = 2 * CHUNK + 2 * sizes.reduce((sum, { length }) => sum + padded(length), 0);
  const kernel = adamwKernel(numbers * BYTES);
  let end = 0;
  const allocate = (length: number) => {
    const view = new Float32Array(kernel.memory, end, length);
    end += padded(length) * BYTES;
    return view;
  };
  const [someWeights, someGradients] = [allocate(CHUNK), allocate(CHUNK)];
  const moments = new Map<string, Float32Array>();
  for (const { name, length } of sizes) {
    moments.set(`${name}/first`, allocate(length));
    moments.set(`${name}/second`, allocate(length));
  }
  return {
    state: moments,
    steps: 0,
    step(parameters, gradients, learningRate) {
      this.steps++;
      const rate = learningRate / (1 - BETA1 ** this.steps);
      const correction = 1 / Math.sqrt(1 - BETA2 ** this.steps);
      const factors = { beta1: BETA1, rest1: 1 - BETA1, beta2: BETA2, rest2: 1 - BETA2, epsilon: EPSILON };
      for (const [name, gradient] of gradients) {
        const w = parameters.get(name) as Float32Array;
        const m = moments.get(`${name}/first`) as Float32Array;
        const v = moments.get(`${name}/second`) as Float32Array;
        const shrink = decays(name) ? 1 - learningRate * weightDecay : 1;
        for (let start = 0; start < w.length; start += CHUNK) {
          const stop = Math.min(w.length, start + CHUNK);
          someWeights.set(w.subarray(start, stop));
          someGradients.set(gradient.subarray(start, stop));
          const at = {
            m: m.byteOffset + start * BYTES,
            v: v.byteOffset + start * BYTES,
            w: someWeights.byteOffset,
            g: someGradients.byteOffset,
          };
          kernel.step(at, padded(stop - start), { ...factors, rate, correction, shrink });
          w.set(someWeights.subarray(0, stop - start), start);
        }
      }
    },
  };
}
