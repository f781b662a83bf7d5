import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MetricName } from '../../src/contracts/job-spec.js';
import type { ValueSignature } from '../../src/contracts/signature.js';
import { chooseMetric, type LabelShape } from '../../src/evaluation/metrics/choose-metric.js';
import type { SampleValues } from '../../src/evaluation/metrics/metric.js';
import { METRIC_TABLE } from '../../src/evaluation/metrics/table.js';

const vector = (...values: number[]): SampleValues => ({ dims: [values.length], values });
const label = (value: number): SampleValues => ({ dims: [], values: [value] });
/** Steps of class scores whose highest are the given classes. */
const steps = (classes: number, ...best: number[]): SampleValues => ({
  dims: [best.length, classes],
  values: best.flatMap((index) => Array.from({ length: classes }, (_, i) => (i === index ? 1 : 0))),
});

const OPTIONS = { threshold: 0.3, alphabet: new Set([1, 2]) };
type Row = readonly [name: string, metric: MetricName, output: SampleValues, against: SampleValues, expected: number];
/** Continuous expectations are NumPy's, computed on the same numbers. */
const ROWS: readonly Row[] = [
  ['the label is highest', 'top1', vector(1, 5, 2), label(1), 1],
  ['the label is second', 'top1', vector(1, 5, 2), label(2), 0],
  ['a tie goes to the lower index', 'top1', vector(5, 5, 2), label(1), 0],
  ['and the lower index wins it', 'top1', vector(5, 5, 2), label(0), 1],
  ['a NaN is wrong', 'top1', vector(1, Number.NaN, 2), label(2), 0],
  ['minus infinity masks a class', 'top1', vector(Number.NEGATIVE_INFINITY, 1), label(1), 1],
  ['the label is fifth', 'top5', vector(9, 8, 7, 6, 5, 4), label(4), 1],
  ['the label is sixth', 'top5', vector(9, 8, 7, 6, 5, 4), label(5), 0],
  ['squared differences', 'mse', vector(1, 2, 3), vector(1, 4, 0), 13 / 3],
  ['absolute differences', 'mae', vector(1, 2, 3), vector(1, 4, 0), 5 / 3],
  ['vectors at an angle', 'cosine', vector(1, 2, 3), vector(3, -2, 1), 0.14285714285714285],
  ['the same direction', 'cosine', vector(1e-30, 2e-30), vector(1, 2), 1],
  ['two zero vectors', 'cosine', vector(0, 0), vector(0, 0), 1],
  ['one zero vector', 'cosine', vector(0, 0), vector(0, 1), 0],
  ['maps that overlap by half', 'iou', vector(0.9, 0.31, 0.3, 0), vector(0.9, 0, 0.29, 0), 0.5],
  ['two empty maps', 'iou', vector(0, 0.3), vector(0.1, 0), 1],
  ['the same highest class', 'agreement', vector(1, 3), vector(0, 0.1), 1],
  ['another highest class', 'agreement', vector(3, 1), vector(0, 0.1), 0],
  ['the same classes at every step', 'agreement', steps(3, 1, 0, 2), steps(3, 1, 0, 2), 1],
  ['another class at one step', 'agreement', steps(3, 1, 0, 2), steps(3, 1, 1, 2), 0],
  ['a NaN never agrees', 'agreement', vector(Number.NaN, 1), vector(Number.NaN, 1), 0],
  ['repeats collapse, blanks part letters', 'ctc', steps(4, 0, 1, 1, 0, 1, 2, 2, 0), vector(1, 1, 2, -1, -1), 1],
  ['a letter too few', 'ctc', steps(4, 1, 1, 2), vector(1, 1, 2, -1), 0],
  ['a wrong letter', 'ctc', steps(4, 1, 3), vector(1, 2), 0],
  ['a mark that no label uses', 'ctc', steps(4, 3, 1, 2), vector(1, 2), 1],
  ['a letter too many', 'ctc', steps(4, 2, 1, 2), vector(1, 2), 0],
  ['nothing is read where nothing is', 'ctc', steps(4, 0, 0), vector(-1, -1), 1],
];

const REFUSED: readonly (readonly [metric: MetricName, output: SampleValues, against: SampleValues])[] = [
  ['top1', vector(1, 2), label(2)],
  ['top1', vector(1, 2), label(-1)],
  ['top1', vector(1, 2), label(0.5)],
  ['top1', vector(1), label(0)],
  ['top1', vector(1, 2), vector(0, 1)],
  ['agreement', vector(1), vector(1)],
  ['ctc', vector(1, 2), vector(1)],
  ['mse', vector(1, 2), vector(1)],
  ['iou', vector(1, 2), vector(1)],
  ['cosine', vector(1, 2), vector(1)],
];

describe('metrics', () => {
  for (const [name, metric, output, against, expected] of ROWS) {
    it(`${metric}: ${name}`, () => {
      const score = METRIC_TABLE[metric].score(output, against, OPTIONS);
      assert.ok(Math.abs(score - expected) < 1e-12, `${score} is not ${expected}`);
    });
  }
  for (const [metric, output, against] of REFUSED) {
    it(`${metric} refuses [${output.dims}] against [${[...Array.from(against.values)]}]`, () => {
      assert.throws(() => METRIC_TABLE[metric].score(output, against, OPTIONS), RangeError);
    });
  }
  it('says of a sample without a label what to do', () => {
    assert.throws(() => METRIC_TABLE.top1.score(vector(1, 2), label(-1), OPTIONS), /no label \(−1\); state "splits"/);
  });
  it('the original is perfect against itself', () => {
    const output = steps(3, 1, 0, 2);
    for (const metric of Object.values(METRIC_TABLE)) {
      if (metric.comparedWith === 'labels') continue;
      assert.equal(metric.score(output, output, OPTIONS), metric.perfect);
    }
  });
});

const CHOICES: readonly (readonly [
  name: string,
  shape: ValueSignature['shape'],
  labels: LabelShape,
  expected: MetricName,
])[] = [
  ['probabilities', ['n', 10], [], 'top1'],
  ['probabilities', ['n', 10], [1], 'top1'],
  ['probabilities', ['n', 10], null, 'agreement'],
  ['probabilities', ['n', null], null, 'agreement'],
  ['sentence_embedding', ['n', 384], null, 'cosine'],
  ['probability', ['n', 1], null, 'mae'],
  ['probability', ['n'], null, 'mae'],
  ['letters', ['n', 't', 6625], [12], 'ctc'],
  ['letters', ['n', 't', 6625], null, 'cosine'],
  ['map', ['n', 1, 'h', 'w'], null, 'cosine'],
  ['unknown', null, [], 'cosine'],
];

describe('chooseMetric', () => {
  for (const [name, shape, labels, expected] of CHOICES) {
    it(`${name} [${shape}] with labels ${labels && `[${labels}]`}: ${expected}`, () => {
      assert.equal(chooseMetric({ name, dtype: 'float32', shape }, labels), expected);
    });
  }
});
