import { request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { RunningService } from '../examples/service.js';
import { largeModel } from './large-model.js';
import { memoryOf, resetPeak } from './memory.js';

/** Nearly the 2 GiB that one protobuf file and one upload may have. */
const WEIGHT_BYTES = 2 * 1024 ** 3 - 1024 ** 2;

async function upload(url: string, model: ReturnType<typeof largeModel>): Promise<number> {
  const call = request(`${url}/v1/models?name=large`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream', 'content-length': model.bytes },
  });
  const answered = new Promise<number>((resolve, reject) => {
    call.once('error', reject);
    call.once('response', (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
    });
  });
  await pipeline(Readable.from(model.chunks()), call);
  return answered;
}

/** Megabytes per second of one upload of nearly 2 GiB, and how much the service's memory grew over what it held before. */
export async function measureUpload(service: RunningService): Promise<[string, string][]> {
  await upload(service.url, largeModel(32 * 1024 ** 2, 1)); // the first upload loads code that later ones share
  await resetPeak(service.pid);
  const before = await memoryOf(service.pid);
  const model = largeModel(WEIGHT_BYTES, 2);
  const start = performance.now();
  const status = await upload(service.url, model);
  const seconds = (performance.now() - start) / 1000;
  if (status !== 201) throw new Error(`the upload was answered with ${status}`);
  const growth = (await memoryOf(service.pid)).peak - before.now;
  return [
    [
      `upload of ${(model.bytes / 1024 ** 3).toFixed(2)} GiB, scan and fsync included`,
      `${(model.bytes / 1e6 / seconds).toFixed(0)} MB/s`,
    ],
    ['  growth of the service (peak over before)', `${(growth / 1024 ** 2).toFixed(0)} MiB`],
  ];
}
