import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { verdicts } from '../../bench/quantization/bars.js';
import type { CaseResults, Measured } from '../../bench/quantization/case-results.js';
import { type BenchCase, CASES } from '../../bench/quantization/cases.js';
import type { Contender } from '../../bench/quantization/contenders.js';

const ours: Contender = {
  ...{ name: 'auto', kind: 'ours', subset: 0, planOf: null },
  step: { type: 'quantize', scheme: 'auto' },
};
const peer: Contender = { name: 'ort-u8s8', kind: 'ort', subset: 0, config: 'u8s8' };

/** A model of the given speed (± 0.02), loss (± 0.005) and bytes. */
function measured(contender: Contender, speed: number, drop: number, bytes: number, overAuto = 1): Measured {
  const around = (value: number, error: number) => ({
    value,
    ci95: [value - error, value + error] as [number, number],
  });
  return {
    contender,
    made: { bytes, sha256: '', seconds: 1, peak_bytes: 1, notes: [], candidates: [] },
    score: {
      ...{ metric: 'top1', samples: 300, closed_loop: null, original: around(0.95, 0.01) },
      ...{ result: around(0.95 - drop, 0.01), drop: around(drop, 0.005) },
    },
    timed: { ms: 1, speedup: around(speed, 0.02), over_auto: around(overAuto, 0.02) },
  };
}

function found(models: readonly Measured[], bar: BenchCase['bar']): CaseResults {
  const environment = {
    ...{ cpu: 'x', instruction_sets: ['avx2'], threads: 1, onnxruntime: '1', node: '20', platform: 'linux-x64' },
  };
  return {
    ...{ name: 'cls', benchCase: { ...(CASES.cls as BenchCase), bar }, measured: models, failed: [] },
    timing: { environment, runs: 40, original_ms: 1, original_bytes: 2_000_000, models: {} },
  };
}

const verdictOn = (wording: RegExp, models: readonly Measured[], bar: BenchCase['bar'] = null) =>
  verdicts(found(models, bar)).find((row) => wording.test(row.bar))?.verdict;

describe('bars', () => {
  test('a speed-up counts by the lower end of its interval', () => {
    const bar = { speedup: 1.5 };
    const at = (speed: number) => verdictOn(/1\.50x/, [measured(ours, speed, 0, 500_000)], bar);
    assert.deepEqual([at(1.53), at(1.49), at(1.4)], ['met', 'undecided', 'missed']);
  });

  test('a drop counts when the paired interval leaves zero, a stated bound by the value', () => {
    const at = (drop: number, bar: BenchCase['bar']) => verdictOn(/top1/, [measured(ours, 2, drop, 500_000)], bar);
    assert.deepEqual([at(0.004, { speedup: 1 }), at(0.006, { speedup: 1 })], ['met', 'missed']);
    const stated = { speedup: 1, metric: { atLeast: 0.94 } };
    assert.deepEqual([at(0.01, stated), at(0.011, stated)], ['met', 'missed']);
  });

  test('size is asked of large models', () => {
    const at = (bytes: number) => verdictOn(/size/, [measured(ours, 2, 0, bytes)], { speedup: 1 });
    assert.deepEqual([at(600_000), at(600_001)], ['met', 'missed']);
  });

  test('a peer dominates when it is certainly faster or smaller and worse in nothing', () => {
    const auto = measured(ours, 1.5, 0.002, 500_000);
    const beside = (...rest: [speed: number, drop: number, bytes: number, over: number]) =>
      verdictOn(/dominated/, [auto, measured(peer, ...rest)]);
    assert.equal(beside(1.6, 0.002, 500_000, 1.07), 'missed');
    assert.equal(beside(1.5, 0.002, 400_000, 1), 'missed');
    assert.equal(beside(1.5, 0.002, 500_000, 1.01), 'met', 'as fast as can be told');
    assert.equal(beside(1.6, 0.003, 500_000, 1.07), 'met', 'it is worse');
    assert.equal(beside(1.6, 0.002, 510_000, 1.07), 'met', 'it is larger');
    assert.equal(beside(1.3, 0.001, 400_000, 0.9), 'met', 'it is slower');
    assert.equal(verdictOn(/dominated/, [auto]), undefined);
  });

  test('a peer that quantized next to nothing is no rival', () => {
    const auto = measured(ours, 1, 0, 2_000_000);
    assert.equal(verdictOn(/dominated/, [auto, measured(peer, 1.04, 0, 1_900_000, 1.04)]), 'met');
  });
});
