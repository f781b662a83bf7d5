import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client } from '../../examples/client.js';
import { type RunningService, startService } from '../../examples/service.js';
import { makeDataFolder, type TestDataFolder } from '../harness/data-folder.js';

/** Pixels count from 0 to 16. */
const PIXELS = { arrays: { x: { scale: 1 / 16 } } };
const QUICK = { evaluate: { metric: 'cosine', samples: 64, latency: { runs: 40 } } };
const FEW = { samples: 32 };
const bits2 = (method: string) => ({ scheme: 'int4_weights', calibration: FEW, weights: { bits: 2, method } });

/** A step, and the largest part of the original's bytes that its result may have. */
const STEPS: readonly (readonly [name: string, step: object, largest: number])[] = [
  ['optimized', { scheme: 'optimized' }, 1.05],
  ['int8_static', { scheme: 'int8_static', calibration: FEW }, 0.4],
  [
    'int8_static, refined',
    {
      scheme: 'int8_static',
      calibration: FEW,
      only_what_pays: false,
      transforms: ['float_stem', 'equalize', 'smooth'],
      rounding: 'adaptive',
      weight_ranges: 'mse',
      bias_correction: 'analytic',
    },
    0.4,
  ],
  [
    'int8_static, weights of 4 bits',
    { scheme: 'int8_static', weight_bits: 4, calibration: FEW, only_what_pays: false },
    0.25,
  ],
  ['int8_dynamic', { scheme: 'int8_dynamic' }, 0.4],
  [
    'int8_dynamic, refined',
    { scheme: 'int8_dynamic', calibration: FEW, only_what_pays: false, transforms: ['smooth'], rounding: 'adaptive' },
    0.4,
  ],
  ['int8_weights', { scheme: 'int8_weights' }, 0.4],
  ['int4_weights', { scheme: 'int4_weights' }, 0.4],
  ['2 bits, rtn', bits2('rtn'), 0.4],
  ['2 bits, mse', bits2('mse'), 0.4],
  ['2 bits, hqq', bits2('hqq'), 0.4],
  ['2 bits, gptq', bits2('gptq'), 0.4],
  ['2 bits, auto', bits2('auto'), 0.4],
  ['fp16', { scheme: 'fp16', calibration: FEW }, 0.6],
  ['fp16_weights', { scheme: 'fp16_weights' }, 0.6],
];

describe('every scheme and method over HTTP', () => {
  let data: TestDataFolder;
  let service: RunningService;
  let client: Client;
  let dataset: string;
  let model: string;
  const results = new Map<string, string>();

  const report = async (step: object) => {
    const { id } = await client.createJob({ model, dataset, ...QUICK, steps: [{ type: 'quantize', ...step }] });
    const job = await client.waitFor(id, () => {});
    assert.equal(job.status, 'succeeded', JSON.stringify(job.error));
    return { ...(await client.report(id)), sha256: job.result?.sha256 ?? '' };
  };

  before(async () => {
    data = await makeDataFolder();
    service = await startService(data.path);
    client = new Client(service.url);
    dataset = (await client.uploadDataset('examples/data/digits.npz', 'digits.npz', PIXELS)).id;
    const untrained = await client.templateModel({
      ...{ template: 'mlp', widths: [256, 256], classes: 10, output: 'logits', seed: 3 },
      input: { name: 'flat', shape: [64] },
    });
    const student = { model: untrained.id };
    const learn = { type: 'distill', student, loss: { kind: 'labels' }, training: { epochs: 5 } };
    const { id } = await client.createJob({ model: untrained.id, dataset, ...QUICK, steps: [learn] });
    const trained = await client.waitFor(id, () => {});
    assert.equal(trained.status, 'succeeded', JSON.stringify(trained.error));
    const result = (await client.artifacts(id)).find(({ role }) => role === 'model') ?? assert.fail('no result');
    const path = join(data.path, 'teacher.onnx');
    await writeFile(path, await client.download(result));
    model = (await client.uploadModel(path, 'teacher')).id;
  });
  after(async () => {
    await service?.stop();
    await data.remove();
  });

  for (const [name, step, largest] of STEPS) {
    test(name, async () => {
      const { size_ratio, result, sha256 } = await report(step);
      assert.ok(size_ratio <= largest, `size ratio ${size_ratio}`);
      assert.ok(result.metric.value > 0.9, `cosine ${result.metric.value}`);
      results.set(name, sha256);
    });
  }

  test('methods that look at samples have seen some', () => {
    const methods = ['rtn', 'mse', 'hqq', 'gptq'].map((method) => results.get(`2 bits, ${method}`));
    assert.equal(new Set(methods).size, methods.length, 'each rounds in its own way');
    assert.ok(methods.includes(results.get('2 bits, auto')), 'auto takes one of them');
    assert.notEqual(results.get('2 bits, auto'), methods[0], 'and not the one that looks at nothing');
  });
});
