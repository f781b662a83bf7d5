/**
 * `npm run bench:recovery`: what quantization-aware distillation wins back over HTTP where post-training quantization loses, beside the ways of
 * choosing integers that need no training. MODELS names a folder with resnet.onnx and mobilenet.onnx, DATA one with
 * fashion-mnist-test.npz: 4,300 pictures train, their labels unread, 200 calibrate, 500 choose, 5,000 evaluate. SEEDS=0,1,2; BITS=3,2;
 * RECOVER='{"epochs":6}' changes the recovery. Arguments: names of models.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { z } from 'zod';
import { Client } from '../examples/client.js';
import { startService } from '../examples/service.js';
import type { DatasetManifest } from '../src/contracts/dataset.js';
import { WEIGHT_METHODS } from '../src/contracts/quantize-step.js';

const { MODELS = 'models', DATA = 'data', SEEDS = '0', BITS = '3,2', RECOVER = '{}', THREADS = '1' } = process.env;
const PIXELS: z.input<typeof DatasetManifest> = {
  arrays: { x: { scale: 1 / 255 / 0.353, offset: -0.286 / 0.353 } },
  labels: 'labels',
  splits: { training: [0, 4300], calibration: [4300, 4500], selection: [4500, 5000], evaluation: [5000, 10_000] },
};

const WITHOUT_TRAINING = WEIGHT_METHODS.filter((method) => method !== 'auto');

const numbers = (list: string) => list.split(',').map(Number);
const percent = (value: number) => (100 * value).toFixed(2);

const folder = await mkdtemp(join(tmpdir(), 'modelpress-bench-'));
const service = await startService(join(folder, 'data'), { ENGINE_THREADS: THREADS });
const client = new Client(service.url);

async function run(what: string, spec: object): Promise<number> {
  const evaluate = { metric: 'top1', samples: 5000, latency: { runs: 40 } };
  const { id } = await client.createJob({ timeout_seconds: 14_400, evaluate, ...spec });
  const job = await client.waitFor(id, () => undefined);
  if (job.status !== 'succeeded') throw new Error(`${what}: ${job.error?.code}: ${job.error?.detail}`);
  const { original, result, metric_drop, size_ratio, stages } = await client.report(id);
  const [stage] = stages;
  const [low, high] = metric_drop?.ci95 ?? [];
  const { outcome, kept, gain } = stage?.recovery ?? {};
  const recovered =
    gain && `; on the selection ${outcome} ${percent(gain.value)} [${gain.ci95.map(percent).join(', ')}], kept ${kept}`;
  console.log(
    `${what}: ${percent(original.metric.value)} → ${percent(result.metric.value)}, drop ${percent(metric_drop?.value ?? 0)} [${percent(low ?? 0)}, ${percent(high ?? 0)}] pp, size ratio ${size_ratio.toFixed(3)}, ${stage?.seconds.toFixed(0)} s${recovered ?? ''}`,
  );
  return metric_drop?.value ?? 0;
}

try {
  const wanted = process.argv.slice(2);
  const dataset = (await client.uploadDataset(join(DATA, 'fashion-mnist-test.npz'), 'fashion', PIXELS)).id;
  for (const name of wanted.length > 0 ? wanted : ['resnet', 'mobilenet']) {
    const model = (await client.uploadModel(join(MODELS, `${name}.onnx`), name)).id;
    for (const bits of numbers(BITS)) {
      const step = (method: string) => ({ type: 'quantize', scheme: 'int4_weights', weights: { bits, method } });
      const lost = new Map<string, number>();
      for (const method of WITHOUT_TRAINING)
        lost.set(method, await run(`${name}, ${bits} bits, ${method}`, { model, dataset, steps: [step(method)] }));
      for (const seed of numbers(SEEDS)) {
        const steps = [{ ...step('rtn'), recover: JSON.parse(RECOVER) }];
        const drop = await run(`${name}, ${bits} bits, rtn and recovery, seed ${seed}`, {
          model,
          dataset,
          seed,
          steps,
        });
        const shares = [...lost].map(([method, from]) => `${percent((from - drop) / from)} % of ${method}`);
        console.log(`  won back: ${shares.join(', ')}`);
      }
    }
  }
} finally {
  await service.stop();
  await rm(folder, { recursive: true, force: true });
}
