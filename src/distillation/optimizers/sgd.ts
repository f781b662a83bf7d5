import type { Decays, Optimizer, Parameters } from './optimizer.js';

/** Stochastic gradient descent with momentum (the form of PyTorch): b ← μb + g + λw, w ← w − lr · b, or with Nesterov lr · (g + μb). */
export function sgd(
  weights: Parameters,
  decays: Decays,
  options: { readonly momentum: number; readonly nesterov: boolean; readonly weightDecay: number },
): Optimizer {
  const { momentum, nesterov, weightDecay } = options;
  const buffers = new Map([...weights].map(([name, { length }]) => [name, new Float32Array(length)]));
  return {
    state: buffers,
    steps: 0,
    step(parameters, gradients, learningRate) {
      this.steps++;
      for (const [name, gradient] of gradients) {
        const w = parameters.get(name) as Float32Array;
        const b = buffers.get(name) as Float32Array;
        const decay = decays(name) ? weightDecay : 0;
        for (let i = 0; i < w.length; i++) {
          const g = (gradient[i] as number) + decay * (w[i] as number);
          const velocity = momentum * (b[i] as number) + g;
          b[i] = velocity;
          w[i] = (w[i] as number) - learningRate * (nesterov ? g + momentum * velocity : velocity);
        }
      }
    },
  };
}
