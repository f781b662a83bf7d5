import type { Parameters } from './optimizer.js';

/** Scales all gradients, in place, so that their common Euclidean norm is at most `limit`; returns the norm before. */
export function clipGradients(gradients: Parameters, limit: number): number {
  let squares = 0;
  for (const gradient of gradients.values())
    for (let i = 0; i < gradient.length; i++) squares += (gradient[i] as number) ** 2;
  const norm = Math.sqrt(squares);
  if (norm > limit) {
    const factor = limit / norm;
    for (const gradient of gradients.values())
      for (let i = 0; i < gradient.length; i++) gradient[i] = (gradient[i] as number) * factor;
  }
  return norm;
}
