import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client } from '../../examples/client.js';
import { type RunningService, startService } from '../../examples/service.js';
import { type Node, node } from '../../src/onnx/ir/graph.js';
import { floats } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { seededRandom } from '../../src/platform/random.js';
import { network } from '../distillation/networks.js';
import { makeDataFolder, type TestDataFolder } from '../harness/data-folder.js';
import { until } from '../jobs/until.js';
import { enginesBelow } from '../workers/processes.js';

const DIGITS = 'examples/data/digits.npz';
/** Pixels count from 0 to 16. */
const PIXELS = { arrays: { x: { scale: 1 / 16 } } };
/** A step of a quick job, on a busy machine. */
const REACHES_MS = 60_000;
const QUICK = { evaluate: { latency: { runs: 40 } } };

describe('distillation of digits over HTTP', () => {
  let data: TestDataFolder;
  let folder: string;
  let service: RunningService;
  let client: Client;
  let dataset: string;
  let teacher: string;

  const run = async (spec: object) => {
    const job = await client.createJob({ dataset, ...QUICK, ...spec });
    const phases = new Set<string>();
    const done = await client.waitFor(job.id, ({ progress }) => phases.add(progress?.phase ?? ''));
    assert.equal(done.status, 'succeeded', JSON.stringify(done.error));
    return { job: done, report: await client.report(job.id), phases };
  };
  const resultOf = async (job: string) => {
    const model = (await client.artifacts(job)).find(({ role }) => role === 'model') ?? assert.fail('no result');
    const path = join(folder, `${model.id}.onnx`);
    await writeFile(path, await client.download(model));
    return (await client.uploadModel(path, 'result')).id;
  };

  before(async () => {
    data = await makeDataFolder();
    folder = data.path;
    service = await startService(folder);
    client = new Client(service.url);
    dataset = (await client.uploadDataset(DIGITS, 'digits.npz', PIXELS)).id;
  });
  after(async () => {
    await service?.stop();
    await data.remove();
  });

  test('labels alone train an untrained network to a teacher', async () => {
    const input = { shape: [64] };
    const { id: model } = await client.templateModel({ template: 'mlp', widths: [128], input, classes: 10 });
    const steps = [{ type: 'distill', student: { model }, loss: { kind: 'labels' }, training: { epochs: 50 } }];
    const { job, report } = await run({ model, steps });
    const [stage] = report.stages;
    assert.equal(stage?.type, 'distill');
    assert.equal(stage?.distillation?.baseline, 'untrained');
    assert.equal(stage?.distillation?.outcome, 'gain');
    assert.equal(stage?.distillation?.parameters, 64 * 128 + 128 + 128 * 10 + 10);
    assert.ok(report.result.metric.value > 0.93, `accuracy ${report.result.metric.value}`);
    teacher = await resultOf(job.id);
  });

  test('a small student learns from the teacher and is quantized in the same job', async () => {
    const training = { epochs: 40, optimizer: { kind: 'adamw', learning_rate: 0.005 } };
    const distill = { type: 'distill', student: { template: 'mlp', widths: [24] }, training };
    const quantize = { type: 'quantize', scheme: 'int8_dynamic', only_what_pays: false };
    const { job, report } = await run({ model: teacher, steps: [distill, quantize] });
    assert.deepEqual(
      job.steps.map(({ type, status }) => [type, status]),
      [
        ['distill', 'succeeded'],
        ['quantize', 'succeeded'],
      ],
    );
    const [stage, quantized] = report.stages;
    const { distillation } = stage ?? {};
    assert.equal(distillation?.baseline, 'labels');
    assert.equal(distillation?.metric, 'top1');
    assert.equal(distillation?.history.length, 40);
    assert.equal(distillation?.kept, (distillation?.gain.value ?? -1) >= 0 ? 'distilled' : 'baseline');
    assert.equal(stage?.measured?.metric.samples, report.result.metric.samples);
    assert.ok((stage?.measured?.metric.value ?? 0) > 0.9, `accuracy ${stage?.measured?.metric.value}`);
    assert.equal(quantized?.measured, undefined);
    assert.equal(quantized?.scheme, 'int8_dynamic');
    assert.ok((quantized?.bytes ?? 0) < (stage?.bytes ?? 0));
    assert.ok(report.size_ratio < 0.35, `size ratio ${report.size_ratio}`);
    assert.ok(report.result.metric.value > 0.9, `accuracy ${report.result.metric.value}`);
    assert.equal(report.speedup_parts, null);
    assert.deepEqual(Object.keys(report.splits).sort(), ['evaluation', 'selection', 'training']);
  });

  const long = (epochs: number) => {
    const student = { template: 'mlp', widths: [16] };
    const training = { epochs, augment: { noise: 0.05, mixup: 0.2 } };
    const hints = [{ teacher: 'relu0', student: 'relu0', weight: 0.1 }];
    return { model: teacher, steps: [{ type: 'distill', student, training, hints }] };
  };
  const reaches = (job: string, phases: readonly string[]) =>
    until(
      `phase ${phases.join(' or ')}`,
      async () => phases.includes((await client.job(job)).progress?.phase ?? ''),
      REACHES_MS,
    );

  test('an engine that dies in the middle is followed by one that goes on, to the same bytes', async () => {
    const whole = await run(long(60));
    const { id } = await client.createJob({ dataset, ...QUICK, ...long(60) });
    await reaches(id, ['distill', 'baseline']);
    for (const pid of enginesBelow(folder)) process.kill(pid, 'SIGKILL');
    const done = await client.waitFor(id, () => {});
    assert.equal(done.status, 'succeeded', JSON.stringify(done.error));
    assert.equal(done.steps[0]?.attempt, 2);
    assert.equal(done.result?.sha256, whole.job.result?.sha256);
  });

  test('a cancelled training ends between two steps', async () => {
    const { id } = await client.createJob({ dataset, ...QUICK, ...long(10_000) });
    await reaches(id, ['distill']);
    await client.cancel(id);
    const done = await client.waitFor(id, () => {});
    assert.equal(done.status, 'cancelled');
    await until('the engine is gone', () => enginesBelow(folder).length === 0, REACHES_MS);
  });

  test('an uploaded student is trained, and one that cannot be is refused by its node', async () => {
    const upload = async (name: string, nodes: readonly Node[]) => {
      const random = seededRandom(3);
      const weights = floats(
        Array.from({ length: 640 }, () => 0.1 * (random() - 0.5)),
        [64, 10],
      );
      const path = join(folder, `${name}.onnx`);
      await writeFile(path, encodeModel(network(nodes, { weights }, ['N', 64], ['N', 10])));
      return (await client.uploadModel(path, name)).id;
    };
    const product = node('MatMul', ['x', 'weights'], ['p'], { name: 'product' });
    const linear = await upload('linear', [product, node('Identity', ['p'], ['y'])]);
    const steps = (model: string) => [{ type: 'distill', student: { model }, training: { epochs: 10 } }];
    const { report } = await run({ model: teacher, steps: steps(linear) });
    assert.equal(report.stages[0]?.distillation?.parameters, 640);

    const rounded = await upload('rounded', [product, node('Round', ['p'], ['y'], { name: 'rounding' })]);
    const { id } = await client.createJob({ dataset, ...QUICK, model: teacher, steps: steps(rounded) });
    const { error } = await client.waitFor(id, () => {});
    assert.equal(error?.code, 'unsupported_operator');
    assert.equal(error?.node?.name, 'rounding');
  });
});
