import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Evaluate, LatencySpec, Requirements } from '../../src/contracts/job-spec.js';
import { Report } from '../../src/contracts/report.js';
import { castTo } from '../../src/datasets/cast.js';
import { type EvaluationOptions, evaluateModels } from '../../src/evaluation/evaluate-models.js';
import { evaluateSteps } from '../../src/evaluation/evaluate-steps.js';
import type { EvaluatedModel } from '../../src/evaluation/evaluated-model.js';
import { measureLatency } from '../../src/evaluation/measure-latency.js';
import { node } from '../../src/onnx/ir/graph.js';
import { floats } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { ServiceError } from '../../src/platform/errors.js';
import { smallModel } from '../runtime/small-model.js';
import { arraySamples } from './array-samples.js';

const CLASSES = 4;
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evaluate-'));
});
after(() => rm(folder, { recursive: true }));

/** y = x ⊙ factors, so that a test says which samples a model gets wrong. */
async function scaled(
  name: string,
  factors: readonly number[],
  padding = 0,
  dtype: 'float32' | 'float16' = 'float32',
): Promise<EvaluatedModel> {
  const model = smallModel({
    nodes: [node('Mul', ['x', 'factors'], ['scores'], { name: 'scale' })],
    inputs: { x: [dtype, ['n', CLASSES]] },
    outputs: { scores: [dtype, ['n', CLASSES]] },
    constants: {
      factors: { dtype, dims: [CLASSES], bytes: castTo(factors, dtype) },
      unused: floats(new Float32Array(padding)),
    },
  });
  const bytes = encodeModel(model);
  const path = join(folder, `${name}.onnx`);
  await writeFile(path, bytes);
  return { path, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'), external: [] };
}

/** One-hot rows: sample i has class i mod CLASSES. */
const rows = (count: number) =>
  Array.from({ length: count }, (_, i) => Array.from({ length: CLASSES }, (_, j) => (j === i % CLASSES ? 1 : 0.5)));
const labels = (count: number) => Array.from({ length: count }, (_, i) => [i % CLASSES]);
const all = (count: number) => Array.from({ length: count }, (_, i) => i);

function options(
  changes: Partial<EvaluationOptions> & Pick<EvaluationOptions, 'original' | 'result'>,
): EvaluationOptions {
  return {
    cleaned: null,
    samples: arraySamples(rows(40), { labels: labels(40) }),
    indices: all(40),
    synthetic: false,
    evaluate: Evaluate.parse({ latency: { runs: 40 } }),
    require: undefined,
    exclusive: (timed) => timed(),
    threads: 1,
    seed: 0,
    signal: new AbortController().signal,
    progress: () => {},
    ...changes,
  };
}

const GOOD = [1, 1, 1, 1];
/** Class 3 loses to the others. */
const LOSES_ONE = [1, 1, 1, 0.4];

describe('evaluateSteps', () => {
  it('measures what each step left, in their order', async () => {
    const original = await scaled('original', GOOD, 1000);
    const losesOne = await scaled('loses-one', LOSES_ONE);
    const { measured, notes } = await evaluateSteps([original, losesOne], options({ original, result: original }));
    assert.deepEqual(
      measured.map((step) => [step?.metric.name, step?.metric.samples, step?.metric.value, step?.metric_drop.value]),
      [
        ['top1', 40, 1, 0],
        ['top1', 40, 0.75, 0.25],
      ],
    );
    for (const step of measured) {
      const { latency_ms, speedup } = step ?? assert.fail('not measured');
      assert.ok(latency_ms.p20 > 0 && latency_ms.p20 <= latency_ms.p99);
      assert.ok(speedup.ci95[0] <= speedup.value && speedup.value <= speedup.ci95[1]);
    }
    assert.deepEqual(notes, []);
  });
  it('leaves out what cannot be measured, and says so: the result may be fine', async () => {
    const original = await scaled('original', GOOD);
    const broken = await scaled('broken', [Number.NaN, 1, 1, 1]);
    const evaluate = Evaluate.parse({ metric: 'mae', latency: { runs: 40 } });
    const task = options({ original, result: original, evaluate });
    const { measured, notes } = await evaluateSteps([broken, original], task);
    assert.equal(measured[0], null);
    assert.equal(measured[1]?.metric.value, 0);
    assert.equal(notes.length, 1);
    assert.match(notes.join(), /^What step 1 left could not be measured: .*NaN/);
  });
  it('is stopped by its signal', async () => {
    const original = await scaled('original', GOOD);
    const signal = AbortSignal.abort(new Error('cancelled'));
    await assert.rejects(evaluateSteps([original], options({ original, result: original, signal })), /cancelled/);
  });
});

describe('evaluateModels', () => {
  it('measures what a report claims', async () => {
    const original = await scaled('original', GOOD, 1000);
    const result = await scaled('loses-one', LOSES_ONE);
    const evaluation = await evaluateModels(
      options({
        original,
        cleaned: original,
        result,
        require: Requirements.parse({ max_metric_drop: 0.01, max_size_ratio: 0.9 }),
      }),
    );
    const { size_ratio, speedup, speedup_parts, metric_drop } = evaluation;
    assert.deepEqual(
      [evaluation.original.metric.name, evaluation.original.metric.value, evaluation.result.metric.value],
      ['top1', 1, 0.75],
    );
    assert.equal(metric_drop.value, 0.25);
    assert.ok(metric_drop.ci95[0] > 0.1 && metric_drop.ci95[1] < 0.42);
    assert.equal(size_ratio, result.bytes / original.bytes);
    assert.ok(speedup.ci95[0] <= speedup.value && speedup.value <= speedup.ci95[1]);
    assert.ok(speedup_parts && speedup_parts.cleanup.value > 0);
    assert.equal(evaluation.verdict, 'not_met');
    assert.deepEqual(
      evaluation.requirements.map((row) => [row.name, row.verdict]),
      [
        ['max_metric_drop', 'not_met'],
        ['max_size_ratio', 'met'],
      ],
    );
    for (const part of ['original', 'result', 'speedup', 'metric_drop', 'environment', 'requirements'] as const) {
      Report.shape[part].parse(JSON.parse(JSON.stringify(evaluation[part])));
    }
  });

  it('tells what becomes of outputs that it does not score', async () => {
    const twoHeads = async (name: string, factors: readonly number[]) => {
      const names = ['scores', 'other', 'same'];
      const model = smallModel({
        nodes: names.map((output, i) => node('Mul', ['x', i === 1 ? 'factors' : 'ones'], [output], { name: output })),
        inputs: { x: ['float32', ['n', CLASSES]] },
        outputs: Object.fromEntries(names.map((output) => [output, ['float32', ['n', CLASSES]]])),
        constants: { factors: floats(factors), ones: floats(GOOD) },
      });
      const bytes = encodeModel(model);
      const path = join(folder, `${name}.onnx`);
      await writeFile(path, bytes);
      return { path, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'), external: [] };
    };
    const original = await twoHeads('heads', GOOD);
    const notesOf = async (result: EvaluatedModel) =>
      (await evaluateModels(options({ original, result }))).notes.join(' ');
    const broken = await notesOf(await twoHeads('broken-head', [0, 0, 0, 0]));
    assert.match(broken, /Only the output "scores" is scored/);
    assert.match(broken, /"other" 0\.0 dB, "same" is equal/);
    assert.match(broken, /Do not rely on "other" of the result/);
    const sound = await notesOf(await twoHeads('sound-head', [1.01, 1.01, 1.01, 1.01]));
    assert.match(sound, /"other" 40\.0 dB/);
    assert.doesNotMatch(sound, /Do not rely/);
    assert.doesNotMatch(await notesOf(original), /scored/, 'nothing to say of the original itself');
  });

  it('knows that a model is as good as itself, on any number of samples', async () => {
    const original = await scaled('same', GOOD);
    const { metric_drop } = await evaluateModels(options({ original, result: original, indices: [0, 1] }));
    assert.deepEqual(metric_drop, { value: 0, ci95: [0, 0] });
  });

  it('feeds halves to a model whose inputs are halves', async () => {
    const original = await scaled('single', GOOD);
    const result = await scaled('half', GOOD, 0, 'float16');
    const evaluation = await evaluateModels(options({ original, result }));
    assert.equal(evaluation.result.metric.value, 1);
    assert.equal(evaluation.metric_drop.value, 0);
  });

  it('compares with the original where there are no labels', async () => {
    const original = await scaled('unlabelled', GOOD);
    const result = await scaled('unlabelled-other', LOSES_ONE);
    const evaluation = await evaluateModels(options({ original, result, samples: arraySamples(rows(40)) }));
    assert.deepEqual(evaluation.original.metric, { name: 'agreement', value: 1, samples: 40, ci95: [1, 1] });
    assert.equal(evaluation.result.metric.value, 0.75);
    assert.match(evaluation.notes.join(' '), /not with labels/);
  });

  it('says when the original only guesses: the data is prepared wrongly', async () => {
    const original = await scaled('guesses', GOOD);
    const notesWith = async (given: number[][], count: number) => {
      const samples = arraySamples(rows(count), { labels: given });
      return (await evaluateModels(options({ original, result: original, samples, indices: all(count) }))).notes;
    };
    const shifted = labels(40).map(([label = 0], i) => [i % 4 === 0 ? label : (label + 1) % CLASSES]);
    assert.match((await notesWith(shifted, 40)).join(' '), /4 classes.*check scale, offset, layout and labels/);
    assert.deepEqual(await notesWith(labels(40), 40), []);
    assert.deepEqual(await notesWith(shifted.slice(0, 8), 8), [], 'too few samples to say');
  });

  it('decides nothing about a metric on synthetic samples', async () => {
    const original = await scaled('synthetic', GOOD);
    const evaluation = await evaluateModels(
      options({
        original,
        result: original,
        samples: arraySamples(rows(40)),
        synthetic: true,
        evaluate: Evaluate.parse({ metric: 'top1', latency: { runs: 40 } }),
        require: Requirements.parse({ max_metric_drop: 0.5 }),
      }),
    );
    assert.equal(evaluation.result.metric.name, 'agreement');
    assert.deepEqual([evaluation.verdict, evaluation.requirements[0]?.reason], ['undecided', 'no_dataset']);
    assert.match(evaluation.notes.join(' '), /no dataset.*top1|top1.*no dataset/);
  });

  it('feeds the batch that is timed, fills the last one up and counts no sample twice', async () => {
    const original = await scaled('batch', GOOD);
    const result = await scaled('batch-other', LOSES_ONE);
    const samples = arraySamples(rows(10), { labels: labels(10), batch: 4 });
    const evaluation = await evaluateModels(options({ original, result, samples, indices: all(10) }));
    assert.deepEqual(samples.asked.slice(0, 3), [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9, 9, 9],
    ]);
    assert.equal(evaluation.result.metric.samples, 10);
    assert.equal(evaluation.result.metric.value, 0.8);
    assert.match(evaluation.notes.join(' '), /batch of 4 only, not 1/);
  });

  it('times alone, and only timing', async () => {
    const original = await scaled('alone', GOOD);
    let phase = 'scoring';
    const phases: string[] = [];
    await evaluateModels(
      options({
        original,
        result: original,
        exclusive: async (timed) => {
          phase = 'alone';
          const result = await timed();
          phase = 'after';
          return result;
        },
        progress: (name) => phases.push(`${name} ${phase}`),
      }),
    );
    assert.deepEqual([...new Set(phases)], ['scoring scoring', 'timing alone']);
  });

  it('times in rounds whose sessions are opened anew, 40 blocks in all', async () => {
    const original = await scaled('rounds', GOOD);
    let alone = 0;
    const { rounds, runs } = await measureLatency({
      models: { original, result: original },
      ...{ samples: arraySamples(rows(4)), indices: all(4), latency: LatencySpec.parse({ runs: 40 }), seed: 0 },
      exclusive: (timed) => {
        alone++;
        return timed();
      },
      ...{ now: () => performance.now(), signal: new AbortController().signal, progress: () => {} },
    });
    assert.deepEqual([alone, runs], [2, 40]);
    assert.deepEqual(
      rounds.map((times) => [times.original.blockCount, times.result.blockCount]),
      [
        [20, 20],
        [20, 20],
      ],
    );
  });

  it('times stated shapes on made-up inputs', async () => {
    const original = await scaled('shapes', GOOD);
    const evaluate = Evaluate.parse({ latency: { runs: 40, batch: 3, shapes: { n: 3 } } });
    const samples = arraySamples(rows(9), { labels: labels(9) });
    await evaluateModels(options({ original, result: original, samples, indices: all(9), evaluate }));
    assert.equal(samples.asked.length, 3, 'no samples are read for timing');
  });

  const refused: readonly (readonly [name: string, code: string, change: () => Promise<Partial<EvaluationOptions>>])[] =
    [
      ['one sample', 'dataset_too_small', async () => ({ indices: [0] })],
      ['an unknown output', 'metric_not_applicable', async () => ({ evaluate: Evaluate.parse({ output: 'nope' }) })],
      [
        'labels that are missing',
        'metric_not_applicable',
        async () => ({ samples: arraySamples(rows(9)), evaluate: Evaluate.parse({ metric: 'top1' }), indices: all(9) }),
      ],
      [
        'a label that is no class',
        'metric_not_applicable',
        async () => ({ samples: arraySamples(rows(2), { labels: [[0], [9]] }), indices: [0, 1] }),
      ],
      [
        'a result that is not finite',
        'output_not_finite',
        async () => ({
          result: await scaled('infinite', [1, 1, 1, Number.POSITIVE_INFINITY]),
          evaluate: Evaluate.parse({ metric: 'mse' }),
        }),
      ],
    ];
  for (const [name, code, change] of refused) {
    it(`refuses ${name} with ${code}`, async () => {
      const original = await scaled('refused', GOOD);
      const attempt = evaluateModels(options({ original, result: original, ...(await change()) }));
      await assert.rejects(attempt, (error) => error instanceof ServiceError && error.code === code);
    });
  }

  it('stops when told', async () => {
    const original = await scaled('stopped', GOOD);
    await assert.rejects(evaluateModels(options({ original, result: original, signal: AbortSignal.abort() })), {
      name: 'AbortError',
    });
  });
});
