import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutputNoise } from '../../src/evaluation/output-noise.js';

test('the difference against the original, over all samples', () => {
  const noise = new OutputNoise();
  noise.add([3, 4], [3, 4]);
  assert.equal(noise.ratio, 0);
  noise.add([0, 0], [1, 2]);
  assert.equal(noise.ratio, 5 / 25);
  noise.add([1, 1, 1], [9]);
  assert.equal(noise.ratio, 5 / 25, 'outputs of other lengths do not count');
  const silent = new OutputNoise();
  silent.add([0], [1]);
  assert.equal(silent.ratio, Number.MAX_VALUE);
});
