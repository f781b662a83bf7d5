import { elements, floats, type Tensor } from '../../onnx/ir/tensor.js';
import { shuffled } from '../../platform/random.js';

/** Which other sample of the batch each one is mixed with, and its own share in the result. */
export interface Mix {
  readonly partners: readonly number[];
  readonly shares: readonly number[];
}

/**
 * A number of Beta(a, a) for 0 < a ≤ 1 (Jöhnk 1964): of two uniform numbers to the power 1/a whose sum is at most 1, the share of the first. In
 * logarithms, since powers of small a are too small for doubles.
 */
function betaShare(a: number, random: () => number): number {
  for (;;) {
    const [first, second] = [Math.log(1 - random()) / a, Math.log(1 - random()) / a];
    if (Math.exp(first) + Math.exp(second) <= 1) return 1 / (1 + Math.exp(second - first));
  }
}

/** Draws partners, a random order of the batch, and shares (Zhang et al. 2018, mixup: Beyond Empirical Risk Minimization). */
export function drawMix(samples: number, a: number, random: () => number): Mix {
  const partners = shuffled(
    Array.from({ length: samples }, (_, i) => i),
    random,
  );
  return { partners, shares: partners.map(() => betaShare(a, random)) };
}

/** share · own + (1 − share) · partner, for values whose first axis is the sample. */
export function mixed(values: Tensor, { partners, shares }: Mix): Tensor {
  const from = elements(values, 'float32');
  const size = from.length / partners.length;
  const to = new Float32Array(from.length);
  partners.forEach((partner, sample) => {
    const share = shares[sample] as number;
    for (let i = 0; i < size; i++) {
      const [own, other] = [from[sample * size + i] as number, from[partner * size + i] as number];
      to[sample * size + i] = share * own + (1 - share) * other;
    }
  });
  return floats(to, values.dims);
}
