/**
 * `npm run bench:recovery`: what quantization-aware distillation wins back over HTTP where post-training quantization loses, beside the ways of
 * choosing integers and biases that need no training. MODELS names a folder with resnet.onnx and mobilenet.onnx, DATA one with
 * fashion-mnist-{train,test}.npz: 16,384 pictures train, their labels unread, 200 calibrate, 2,000 choose, 8,000 evaluate. SEEDS=0,1,2; BITS=2,3;
 * START=gptq,rtn: what the recoveries start from; RECOVER='{"epochs":6}' changes them. FOLDER names a folder to keep: a run that was stopped goes
 * on with its jobs when it is started again. Arguments: names of models.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../examples/client.js';
import { startService } from '../examples/service.js';
import { DatasetManifest } from '../src/contracts/dataset.js';
import { isSettled, QuantizeStep } from '../src/contracts/quantize-step.js';
import type { Report } from '../src/contracts/report.js';
import { inspectDataset } from '../src/datasets/admission/inspect-dataset.js';
import { matchDataset } from '../src/datasets/admission/match.js';
import { planSplits } from '../src/datasets/admission/splits.js';
import { openSamples } from '../src/datasets/open-samples.js';
import { inspectModel } from '../src/onnx/admission/inspect-model.js';
import { encodeModel } from '../src/onnx/serde/encode-model.js';
import { readModel } from '../src/onnx/serde/read-model.js';
import { cpuFacts } from '../src/platform/cpu.js';
import { quantizeModel } from '../src/quantization/quantize-model.js';
import { fashionUnlabelled } from './distillation/data.js';
import { biasCorrected } from './recovery/bias-corrected.js';

const { MODELS = 'models', THREADS = '1' } = process.env;
const { SEEDS = '0,1,2', BITS = '2', START = 'gptq,rtn', RECOVER = '{"samples":16384}' } = process.env;

/** Ways of rounding without training; mse clips, which ruins both networks at few bits. */
const WITHOUT_TRAINING = ['rtn', 'hqq', 'gptq'] as const;
/** Those that are compared with their biases corrected, too. */
const CORRECTED = ['rtn', 'gptq'] as const;

const FOREVER = new AbortController().signal;
const percent = (value: number) => (100 * value).toFixed(2);

const folder = process.env.FOLDER ?? (await mkdtemp(join(tmpdir(), 'modelpress-bench-')));
await mkdir(folder, { recursive: true });
const pictures = await fashionUnlabelled(16_384);
const picturesFile = join(folder, 'fashion.npz');
const service = await startService(join(folder, 'data'), { ENGINE_THREADS: THREADS });
const client = new Client(service.url);

async function run(what: string, spec: object): Promise<Report> {
  const whole = {
    timeout_seconds: 14_400,
    evaluate: { metric: 'top1', samples: 8000, latency: { runs: 40 } },
    ...spec,
  };
  const key = createHash('sha256')
    .update(JSON.stringify([what, whole]))
    .digest('hex');
  const { id } = await client.createJob(whole, key);
  const job = await client.waitFor(id, () => undefined);
  if (job.status !== 'succeeded') throw new Error(`${what}: ${job.error?.code}: ${job.error?.detail}`);
  return client.report(id);
}

/** The report's line on standard output, and the loss of the metric. */
function tell(what: string, { original, result, metric_drop, size_ratio, stages }: Report, before?: number): number {
  const [low, high] = metric_drop.ci95;
  const drop = before === undefined ? metric_drop.value : before - result.metric.value;
  const interval = before === undefined ? ` [${percent(low)}, ${percent(high)}]` : '';
  const [stage] = stages;
  const { outcome, kept, gain, estimated_memory_bytes: estimated } = stage?.recovery ?? {};
  const mebibytes = [estimated ?? 0, stage?.peak_memory_bytes ?? 0].map((bytes) => (bytes / 2 ** 20).toFixed(0));
  const recovered =
    gain &&
    `; on the selection ${outcome} ${percent(gain.value)} [${gain.ci95.map(percent).join(', ')}], kept ${kept}; memory ${mebibytes.join(' MiB estimated, ')} MiB at most`;
  console.log(
    `${what}: ${percent(before ?? original.metric.value)} → ${percent(result.metric.value)}, drop ${percent(drop)}${interval} pp, size ratio ${size_ratio.toFixed(3)}, ${stage?.seconds.toFixed(0) ?? 0} s${recovered ?? ''}`,
  );
  return drop;
}

const stepOf = (bits: number, method: string) => ({
  type: 'quantize',
  scheme: 'int4_weights',
  weights: { bits, method },
});

/** Makes the quantized model here, corrects its biases and lets the service evaluate it. */
async function corrected(name: string, bits: number, method: string, dataset: string): Promise<Report> {
  const step = QuantizeStep.parse(stepOf(bits, method));
  if (!isSettled(step)) throw new Error('the step names a scheme');
  const source = join(MODELS, `${name}.onnx`);
  const { samples, calibration, selection } = await openPictures(source);
  const quantized = await quantizeModel({
    model: await readModel({ path: source, external: [] }),
    ...{ step, samples, calibration, selection, threads: 1, scratch: folder, signal: FOREVER },
    cpu: { instructionSets: cpuFacts().instructionSets },
    progress: () => {},
  });
  const path = join(folder, `${name}-${bits}-${method}-corrected.onnx`);
  await writeFile(path, encodeModel(await biasCorrected(quantized, samples, calibration, folder)));
  await samples.close();
  const model = (await client.uploadModel(path, 'corrected')).id;
  return run(`${name}, ${bits} bits, ${method}, corrected`, { model, dataset, steps: [] });
}

/** The uploaded pictures as a model takes them. */
async function openPictures(model: string) {
  const manifest = DatasetManifest.parse(pictures.manifest);
  const { inputs } = await inspectModel({ path: model, bytes: (await stat(model)).size }, [], FOREVER);
  const inspection = await inspectDataset(picturesFile, FOREVER);
  const samples = await openSamples(
    { path: picturesFile, inspection },
    matchDataset(inputs, inspection, manifest),
    inputs,
    folder,
  );
  const { calibration, selection } = planSplits(
    inspection.samples,
    manifest,
    { calibration: 200, evaluation: 8000, training: true },
    0,
  );
  return { samples, calibration, selection };
}

async function measure(name: string, bits: number, dataset: string): Promise<void> {
  const model = (await client.uploadModel(join(MODELS, `${name}.onnx`), name)).id;
  const lost = new Map<string, number>();
  let original = 0;
  for (const method of WITHOUT_TRAINING) {
    const report = await run(`${name}, ${bits} bits, ${method}`, { model, dataset, steps: [stepOf(bits, method)] });
    original = report.original.metric.value;
    lost.set(method, tell(`${name}, ${bits} bits, ${method}`, report));
  }
  for (const method of CORRECTED) {
    const what = `${method} with corrected biases`;
    lost.set(what, tell(`${name}, ${bits} bits, ${what}`, await corrected(name, bits, method, dataset), original));
  }
  for (const start of START.split(','))
    for (const seed of SEEDS.split(',').map(Number)) {
      const steps = [{ ...stepOf(bits, start), recover: JSON.parse(RECOVER) }];
      const what = `${name}, ${bits} bits, ${start} and recovery, seed ${seed}`;
      const drop = tell(what, await run(what, { model, dataset, seed, steps }));
      const shares = [...lost].map(([method, from]) => `${percent((from - drop) / from)} % of ${method}`);
      console.log(`  won back: ${shares.join(', ')}`);
    }
}

try {
  const wanted = process.argv.slice(2);
  await writeFile(picturesFile, pictures.file);
  const dataset = (await client.uploadDataset(picturesFile, 'fashion', pictures.manifest)).id;
  for (const name of wanted.length > 0 ? wanted : ['resnet', 'mobilenet'])
    for (const bits of BITS.split(',').map(Number)) await measure(name, bits, dataset);
} finally {
  await service.stop();
  if (process.env.FOLDER === undefined) await rm(folder, { recursive: true, force: true });
}
