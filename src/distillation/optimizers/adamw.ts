import type { Decays, Optimizer, Parameters } from './optimizer.js';

/** The defaults of PyTorch. */
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/**
 * AdamW (Loshchilov and Hutter 2019, algorithm 2; the form of PyTorch): decay w ← w − lr·λ·w, then
 * m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², w ← w − lr · (m / (1−β₁ᵗ)) / (√(v / (1−β₂ᵗ)) + ε).
 */
export function adamw(weights: Parameters, decays: Decays, weightDecay: number): Optimizer {
  const moments = new Map<string, Float32Array>();
  for (const [name, { length }] of weights) {
    moments.set(`${name}/first`, new Float32Array(length));
    moments.set(`${name}/second`, new Float32Array(length));
  }
  return {
    state: moments,
    steps: 0,
    step(parameters, gradients, learningRate) {
      this.steps++;
      const first = learningRate / (1 - BETA1 ** this.steps);
      const second = 1 / Math.sqrt(1 - BETA2 ** this.steps);
      for (const [name, gradient] of gradients) {
        const w = parameters.get(name) as Float32Array;
        const m = moments.get(`${name}/first`) as Float32Array;
        const v = moments.get(`${name}/second`) as Float32Array;
        const shrink = decays(name) ? 1 - learningRate * weightDecay : 1;
        for (let i = 0; i < w.length; i++) {
          const g = gradient[i] as number;
          const mean = BETA1 * (m[i] as number) + (1 - BETA1) * g;
          const square = BETA2 * (v[i] as number) + (1 - BETA2) * g * g;
          m[i] = mean;
          v[i] = square;
          w[i] = (w[i] as number) * shrink - (first * mean) / (Math.sqrt(square) * second + EPSILON);
        }
      }
    },
  };
}
