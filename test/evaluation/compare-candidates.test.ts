import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { metricDrop, pairedGain } from '../../src/evaluation/compare-scores.js';
import { METRIC_TABLE } from '../../src/evaluation/metrics/table.js';

/** 30 samples that both get right, 10 that only the first does, 2 that only the second does. */
const first = Float64Array.from([...Array(40).fill(1), 0, 0]);
const second = Float64Array.from([...Array(30).fill(1), ...Array(10).fill(0), 1, 1]);

describe('the gain of one candidate over another', () => {
  test('is the drop from the one to the other', () => {
    const { value, ci95 } = pairedGain(METRIC_TABLE.top1, first, second);
    const drop = metricDrop(METRIC_TABLE.top1, { original: first, result: second });
    assert.deepEqual([value, ci95], [drop.value, drop.ci95]);
    assert.ok(Math.abs(value - 8 / 42) < 1e-12);
    assert.ok(ci95[0] > 0);
  });

  test('may be negative for a metric of likeness to the original, where a drop may not', () => {
    const { value, ci95 } = pairedGain(METRIC_TABLE.agreement, second, first);
    assert.ok(Math.abs(value + 8 / 42) < 1e-12);
    assert.ok(ci95[1] < 0);
  });

  test('is positive when errors are smaller', () => {
    const { value, ci95 } = pairedGain(METRIC_TABLE.mae, Float64Array.of(1, 2, 1, 2), Float64Array.of(3, 4, 3.5, 4));
    assert.equal(value, 2.125);
    assert.ok(ci95[0] > 0 && ci95[1] > value);
  });
});
