/**
 * `npm run bench:distillation`: what students learn over HTTP from teachers that Modelpress trained itself, against the same students on labels
 * alone. DATA names a folder with digits.npz and fashion-mnist-{train,test}.npz (see bench/distillation/data.ts); SEEDS=0,1,2.
 * Arguments: names of cases. Every line is a report's: metric on evaluation samples that nothing was trained or chosen on.
 * FOLDER names a folder to keep: a run that was stopped goes on with its jobs, at their checkpoints, when it is started again.
 * INT8=0 leaves the jobs out that quantize what they distilled.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../examples/client.js';
import { startService } from '../examples/service.js';
import type { Report } from '../src/contracts/report.js';
import { type CaseData, digits, fashion } from './distillation/data.js';

const folder = process.env.FOLDER ?? (await mkdtemp(join(tmpdir(), 'modelpress-bench-')));
await mkdir(folder, { recursive: true });
const service = await startService(join(folder, 'data'), { ENGINE_THREADS: process.env.THREADS ?? '2' });
const client = new Client(service.url);
const percent = (value: number) => `${(100 * value).toFixed(2)} %`;

async function upload(name: string, { file, manifest }: CaseData): Promise<string> {
  const path = join(folder, `${name}.npz`);
  await writeFile(path, file);
  return (await client.uploadDataset(path, `${name}.npz`, manifest)).id;
}

async function run(what: string, seed: number, spec: object): Promise<{ report: Report; job: string }> {
  const whole = { seed, timeout_seconds: 14_400, evaluate: { samples: 10_000 }, ...spec };
  const key = createHash('sha256')
    .update(JSON.stringify([what, whole]))
    .digest('hex');
  const { id } = await client.createJob(whole, key);
  const job = await client.waitFor(id, () => undefined);
  if (job.status !== 'succeeded') throw new Error(`${what}: ${job.error?.code}: ${job.error?.detail}`);
  const report = await client.report(id);
  const { result, size_ratio, speedup, stages } = report;
  const [low, high] = result.metric.ci95;
  const stage = stages.find(({ distillation }) => distillation);
  const { gain, kept, baseline, baseline_value } = stage?.distillation ?? {};
  const won =
    gain &&
    `; selection: ${baseline} baseline ${percent(baseline_value ?? 0)}, gain ${percent(gain.value)} [${gain.ci95.map(percent).join(', ')}], kept ${kept}`;
  console.log(
    `${what}, seed ${seed}: ${percent(result.metric.value)} [${percent(low)}, ${percent(high)}], ${result.bytes} bytes, size ratio ${size_ratio.toFixed(4)}, speed-up ${speedup?.value.toFixed(2)}, ${stages.map(({ seconds }) => seconds.toFixed(0)).join(' + ')} s${won ?? ''}`,
  );
  return { report, job: id };
}

async function resultOf(job: string): Promise<string> {
  const model = (await client.artifacts(job)).find(({ role }) => role === 'model');
  if (!model) throw new Error('the job has no result');
  const path = join(folder, `${model.id}.onnx`);
  await writeFile(path, await client.download(model));
  return (await client.uploadModel(path, 'teacher')).id;
}

interface Network {
  readonly template: 'mlp' | 'cnn' | 'depthwise_cnn';
  readonly widths: number[];
}

/** A teacher from labels, then students that see its answers, and the same with numbers in INT8 behind. */
async function teach(
  name: string,
  seed: number,
  data: { readonly all: CaseData; readonly few: CaseData },
  shape: number[],
  teacher: Network & { readonly training: object },
  student: (Network & { readonly training: object }) | null,
) {
  const { id: model } = await client.templateModel({
    ...teacher,
    ...{ training: undefined },
    input: { shape },
    classes: 10,
    seed,
  });
  const dataset = await upload(`${name}-${seed}-all`, data.all);
  const labels = { type: 'distill', student: { model }, loss: { kind: 'labels' }, training: teacher.training };
  const { job } = await run(`${name}: teacher ${teacher.template} ${teacher.widths.join('-')} from labels`, seed, {
    ...{ model, dataset, steps: [labels] },
  });
  if (!student) return;
  const taught = await resultOf(job);
  const few = await upload(`${name}-${seed}-few`, data.few);
  const { training, ...network } = student;
  const distill = { type: 'distill', student: network, training };
  const words = `${student.template} ${student.widths.join('-')}`;
  await run(`${name}: student ${words}, few labels`, seed, { model: taught, dataset: few, steps: [distill] });
  if (process.env.INT8 === '0') return;
  const quantize = { type: 'quantize', scheme: 'int8_weights', only_what_pays: false };
  await run(`${name}: student ${words}, few labels, INT8 behind`, seed, {
    model: taught,
    dataset: few,
    steps: [distill, quantize],
  });
}

const CASES: Readonly<Record<string, (seed: number) => Promise<void>>> = {
  digits: async (seed) =>
    teach(
      'digits',
      seed,
      await digits(seed, 100),
      [1, 8, 8],
      {
        template: 'cnn',
        widths: [16, 32],
        training: { epochs: 60, optimizer: { kind: 'adamw', learning_rate: 0.003 }, augment: { crop: 1 } },
      },
      {
        template: 'mlp',
        widths: [128],
        training: { epochs: 200, optimizer: { kind: 'adamw', learning_rate: 0.003 } },
      },
    ),
  'fashion-mlp': async (seed) =>
    teach(
      'fashion-mlp',
      seed,
      await fashion(seed, 20_000, 1000),
      [1, 28, 28],
      {
        template: 'mlp',
        widths: [512, 256],
        training: {
          epochs: 30,
          batch_size: 128,
          ema: 0.995,
          optimizer: { kind: 'adamw', weight_decay: 0.1 },
          augment: { flip: true, mixup: 0.2 },
        },
      },
      { template: 'mlp', widths: [32], training: { epochs: 30 } },
    ),
  'fashion-cnn': async (seed) =>
    teach(
      'fashion-cnn',
      seed,
      await fashion(seed, 20_000, 1000),
      [1, 28, 28],
      { template: 'cnn', widths: [32, 64], training: { epochs: 4, ema: 0.99 } },
      null,
    ),
};

const wanted = process.argv.slice(2);
try {
  for (const [name, measure] of Object.entries(CASES)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    for (const seed of (process.env.SEEDS ?? '0,1,2').split(',').map(Number)) await measure(seed);
  }
} finally {
  await service.stop();
  if (process.env.FOLDER === undefined) await rm(folder, { recursive: true, force: true });
}
