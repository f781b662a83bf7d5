import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Augment } from '../../src/contracts/augment.js';
import { drawMix, mixed } from '../../src/distillation/augmentation/mixup.js';
import { movePictures } from '../../src/distillation/augmentation/move-pictures.js';
import { withNoise } from '../../src/distillation/augmentation/noise.js';
import { viewOf } from '../../src/distillation/augmentation/view.js';
import { lossPlan } from '../../src/distillation/losses/loss-plan.js';
import { TARGETS, trainingProgram } from '../../src/distillation/program.js';
import { elements, floats } from '../../src/onnx/ir/tensor.js';
import { seededRandom } from '../../src/platform/random.js';
import { withSession } from '../../src/runtime/session.js';
import { parameterModel } from './networks.js';

const read = (tensor: Parameters<typeof elements>[0] | undefined) => [...elements(tensor ?? floats([]), 'float32')];
/** Gives these numbers one after another. */
const script = (...numbers: number[]) => {
  const left = [...numbers];
  return () => left.shift() ?? assert.fail('more draws than were foreseen');
};
const moments = (values: readonly number[]) => {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const central = (power: number) => values.reduce((sum, x) => sum + (x - mean) ** power, 0) / values.length;
  return { mean, variance: central(2), kurtosis: central(4) / central(2) ** 2 };
};
const close = (found: number, wanted: number, tolerance: number, what: string) =>
  assert.ok(Math.abs(found - wanted) < tolerance, `${what}: ${found}, expected ${wanted}`);

describe('augmentation', () => {
  test('pictures are mirrored and shifted, all channels alike, edges repeated', () => {
    // Two pictures of two channels, 2 by 3.
    const x = floats(
      Array.from({ length: 24 }, (_, i) => i),
      [2, 2, 2, 3],
    );
    // The first: mirrored, one row down, stays; the second: as it is, stays, one column to the right.
    const moved = movePictures(x, { flip: true, crop: 1 }, script(0.2, 0.9, 0.5, 0.7, 0.5, 0.9));
    assert.deepEqual(moved.dims, x.dims);
    assert.deepEqual(read(moved), [
      ...[5, 4, 3, 5, 4, 3],
      ...[11, 10, 9, 11, 10, 9],
      ...[13, 14, 14, 16, 17, 17],
      ...[19, 20, 20, 22, 23, 23],
    ]);
  });

  for (const a of [0.05, 0.2, 1])
    test(`shares of mixed samples have the moments of Beta(${a}, ${a})`, () => {
      const { shares } = drawMix(20_000, a, seededRandom(3));
      assert.ok(shares.every((share) => share >= 0 && share <= 1));
      const { mean, variance } = moments(shares);
      close(mean, 0.5, 0.02, 'mean');
      close(variance, 1 / (4 * (2 * a + 1)), 0.01, 'variance');
    });

  test('mixed samples are their own share and the rest of a partner', () => {
    const values = floats([1, 10, 2, 20, 3, 30], [3, 2]);
    const partners = [1, 2, 0];
    const found = read(mixed(values, { partners, shares: [1, 0.5, 0.25] }));
    [1, 10, 2.5, 25, 1.5, 15].forEach((wanted, i) => {
      close(found[i] ?? Number.NaN, wanted, 1e-6, `element ${i}`);
    });
    const drawn = drawMix(6, 1, seededRandom(1)).partners;
    assert.deepEqual(drawn.toSorted(), [0, 1, 2, 3, 4, 5]);
  });

  test('noise is normal', () => {
    const noise = read(withNoise(floats(new Float32Array(40_001).fill(2)), 0.5, seededRandom(4)));
    const { mean, variance, kurtosis } = moments(noise);
    close(mean, 2, 0.02, 'mean');
    close(variance, 0.25, 0.01, 'variance');
    close(kurtosis, 3, 0.15, 'kurtosis');
  });

  test('a view depends on the seed and the moment, and on nothing else', () => {
    const augment = Augment.parse({ flip: true, crop: 1, noise: 0.1, mixup: 1 });
    const pictures = new Map([
      [
        'x',
        floats(
          Array.from({ length: 48 }, (_, i) => Math.sqrt(i)),
          [3, 1, 4, 4],
        ),
      ],
    ]);
    const view = (seed: number, epoch: number, part: number) =>
      read(viewOf(pictures, augment, seed, { epoch, part }).feeds.get('x'));
    const first = view(7, 2, 3);
    view(7, 0, 0);
    assert.deepEqual(view(7, 2, 3), first);
    for (const other of [view(8, 2, 3), view(7, 3, 3), view(7, 2, 4)]) assert.notDeepEqual(other, first);
  });

  test('labels in shares: cross-entropy and its gradient, softmax minus shares over the batch', async () => {
    const logits = floats([1, -0.5, 0.3, 0.2, 2, -1], [2, 3]);
    const shares = [0.7, 0, 0.3, 0, 0.4, 0];
    const x = floats(new Float32Array(6), [2, 3]);
    const program = await trainingProgram(parameterModel(logits), {
      ...{ sample: new Map([['x', x]]), trained: ['w'], output: 'y', labelShares: 3, teacherDims: null },
      loss: lossPlan({ kind: 'labels' }),
    });
    const feeds = new Map([
      ['x', x],
      ['w', logits],
      [TARGETS.labels, floats(shares, [2, 3])],
    ]);
    const results = await withSession(program.bytes, { threads: 1 }, (session) => session.run(feeds));
    const values = read(logits);
    const row = (i: number) => values.slice(i - (i % 3), i - (i % 3) + 3);
    const probability = (i: number) =>
      Math.exp(values[i] ?? 0) / row(i).reduce((sum, value) => sum + Math.exp(value), 0);
    const total = (i: number) => shares.slice(i - (i % 3), i - (i % 3) + 3).reduce((a, b) => a + b, 0);
    const loss = -shares.reduce((sum, share, i) => sum + share * Math.log(probability(i)), 0) / 2;
    close(read(results.get(program.loss))[0] ?? Number.NaN, loss, 1e-5, 'loss');
    read(results.get(program.gradients.get('w') ?? '')).forEach((gradient, i) => {
      close(gradient, (total(i) * probability(i) - (shares[i] ?? 0)) / 2, 1e-5, `gradient ${i}`);
    });
  });
});
