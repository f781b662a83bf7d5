import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Requirements, Requirements as RequirementsSchema } from '../../src/contracts/job-spec.js';
import type { Verdict } from '../../src/contracts/report.js';
import {
  decide,
  decideRequirements,
  type Evidence,
  overallVerdict,
  type SampledEstimate,
} from '../../src/evaluation/requirements.js';
import { pairedProportions } from '../../src/evaluation/statistics/paired-proportions.js';

const sampled = (value: number, low: number, high: number): SampledEstimate => ({
  value,
  ci95: [low, high],
  samples: 100,
  intervalAt: (n) => [value - (value - low) * Math.sqrt(100 / n), value + (high - value) * Math.sqrt(100 / n)],
});
const EVIDENCE: Evidence = {
  metricDrop: sampled(0.004, -0.004, 0.012),
  metric: sampled(0.95, 0.93, 0.97),
  higherIsBetter: true,
  speedup: { value: 1.5, ci95: [1.4, 1.6] },
  latency: { value: 2, ci95: [1.9, 2.1] },
  bytes: 1000,
  sizeRatio: 0.25,
};

type Bounds = Partial<Omit<Requirements, 'strict'>>;
const CASES: readonly (readonly [bounds: Bounds, verdict: Verdict, reason?: string])[] = [
  [{ max_metric_drop: 0.012 }, 'met'],
  [{ max_metric_drop: 0.0119 }, 'undecided', 'too_few_samples'],
  [{ min_metric: 0.93 }, 'met'],
  [{ min_metric: 0.98 }, 'not_met'],
  [{ min_metric: 0.96 }, 'undecided', 'too_few_samples'],
  [{ min_speedup: 1.4 }, 'met'],
  [{ min_speedup: 1.7 }, 'not_met'],
  [{ min_speedup: 1.5 }, 'undecided', 'timing_noise'],
  [{ max_latency_ms: 2.1 }, 'met'],
  [{ max_latency_ms: 1.8 }, 'not_met'],
  [{ max_latency_ms: 2 }, 'undecided', 'timing_noise'],
  [{ max_size_ratio: 0.25 }, 'met'],
  [{ max_size_ratio: 0.2499 }, 'not_met'],
  [{ max_bytes: 1000 }, 'met'],
  [{ max_bytes: 999 }, 'not_met'],
];
const require = (bounds: Bounds): Requirements => RequirementsSchema.parse(bounds);

describe('decideRequirements', () => {
  for (const [bounds, verdict, reason] of CASES) {
    it(`${JSON.stringify(bounds)} is ${verdict}`, () => {
      const rows = decideRequirements(require(bounds), EVIDENCE);
      assert.deepEqual(
        rows.map((row) => [row.verdict, row.reason]),
        [[verdict, reason]],
      );
    });
  }

  it('says how many samples would decide, and they do', () => {
    const metricDrop: SampledEstimate = {
      ...pairedProportions(2, 0, 200),
      samples: 200,
      intervalAt: (n) => pairedProportions(0.01 * n, 0, n).ci95,
    };
    const [row] = decideRequirements(require({ max_metric_drop: 0.02 }), { ...EVIDENCE, metricDrop });
    assert.equal(row?.verdict, 'undecided');
    const needed = row?.samples_needed ?? 0;
    assert.ok(needed > 200);
    assert.equal(decide(metricDrop.intervalAt(needed), 'at_most', 0.02), 'met');
    assert.equal(decide(metricDrop.intervalAt(needed - 1), 'at_most', 0.02), 'undecided');
  });

  it('zero losses in 140 samples are not a drop of zero', () => {
    const metricDrop: SampledEstimate = {
      ...pairedProportions(0, 0, 140),
      samples: 140,
      intervalAt: (n) => pairedProportions(0, 0, n).ci95,
    };
    const [row] = decideRequirements(require({ max_metric_drop: 0.01 }), { ...EVIDENCE, metricDrop });
    assert.equal(row?.verdict, 'undecided');
    assert.ok(Math.abs((row?.samples_needed ?? 0) - 381) <= 1, `${row?.samples_needed}`);
  });

  it('a value that sits on its bound needs no number of samples: none would do', () => {
    for (const distance of [0, 1e-6]) {
      const metricDrop = sampled(0.01 + distance, 0.002 + distance, 0.018 + distance);
      const [row] = decideRequirements(require({ max_metric_drop: 0.01 }), { ...EVIDENCE, metricDrop });
      assert.deepEqual([row?.verdict, row?.reason, row?.samples_needed], ['undecided', 'on_the_bound', undefined]);
    }
  });

  it('an error must not exceed its bound', () => {
    const error = { ...EVIDENCE, higherIsBetter: false, metric: sampled(0.01, 0.008, 0.012) };
    const verdicts = [0.02, 0.005].map(
      (bound) => decideRequirements(require({ min_metric: bound }), error)[0]?.verdict,
    );
    assert.deepEqual(verdicts, ['met', 'not_met']);
  });

  it('without a dataset the metric is undecided, for that reason', () => {
    const rows = decideRequirements(require({ max_metric_drop: 0.5, min_metric: 0.1, max_bytes: 1000 }), {
      ...EVIDENCE,
      metric: null,
      metricDrop: null,
    });
    assert.deepEqual(
      rows.map((row) => [row.verdict, row.reason, row.value]),
      [
        ['undecided', 'no_dataset', null],
        ['undecided', 'no_dataset', null],
        ['met', undefined, 1000],
      ],
    );
  });

  it('knows every requirement of the contract', () => {
    const bounds = Object.keys(RequirementsSchema.shape).filter((name) => name !== 'strict');
    const all = require(Object.fromEntries(bounds.map((name) => [name, 1])));
    assert.deepEqual(
      decideRequirements(all, EVIDENCE)
        .map((row) => row.name)
        .sort(),
      bounds.sort(),
    );
  });
});

describe('overallVerdict', () => {
  const row = (verdict: Verdict) => ({ name: 'x', bound: 1, value: 1, ci95: null, verdict });
  const cases: readonly (readonly [rows: readonly Verdict[], strict: boolean, verdict: Verdict | null])[] = [
    [[], false, null],
    [['met', 'met'], false, 'met'],
    [['met', 'undecided'], false, 'undecided'],
    [['met', 'undecided'], true, 'not_met'],
    [['undecided', 'not_met'], false, 'not_met'],
  ];
  for (const [rows, strict, verdict] of cases) {
    it(`${rows.join(', ') || 'nothing'}${strict ? ', strictly' : ''}: ${verdict}`, () => {
      assert.equal(overallVerdict(rows.map(row), strict), verdict);
    });
  }
});
