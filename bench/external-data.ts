/**
 * `node dist/bench/external-data.js [--gib 2.2] [SCHEME …]`: a model whose weights lie in external files of more than 2 GiB, through the whole
 * service over HTTP: upload as a form, a job for each scheme (`optimized`, which stays as large, `int8_weights` and `int4_weights` by
 * default), download, and a run of what came back. `--folder` keeps model and service, so that a run goes on where an earlier one stopped.
 * Too heavy for the tests.
 */
import { createWriteStream, existsSync, openAsBlob } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { Client } from '../examples/client.js';
import { type RunningService, startService } from '../examples/service.js';
import type { Artifact } from '../src/contracts/job.js';
import type { Model } from '../src/contracts/model.js';
import { type Model as Graph, type Node, node } from '../src/onnx/ir/graph.js';
import { elements, floats, type Tensor, tensor } from '../src/onnx/ir/tensor.js';
import { type WrittenFile, writeModel } from '../src/onnx/serde/write-model.js';
import { seededRandom } from '../src/platform/random.js';
import { withSession } from '../src/runtime/session.js';
import { smallModel } from '../test/runtime/small-model.js';
import { memoryOf, resetPeak } from './memory.js';

const GIBIBYTE = 1024 ** 3;
const MEBIBYTE = 1024 ** 2;
const WIDTH = 4096;
const LAYER_BYTES = 4 * WIDTH * WIDTH;
const ENGINE_MEMORY_MB = 16 * 1024;
const MODEL = 'model.onnx';
const SCHEMES = ['optimized', 'int8_weights', 'int4_weights'];

/** A chain of products with weights that are all different, of `bytes` bytes in all. */
function chain(bytes: number): Graph {
  const random = seededRandom(1);
  const base = Float32Array.from({ length: WIDTH * WIDTH }, () => (random() - 0.5) / Math.sqrt(WIDTH / 12));
  const count = Math.ceil(bytes / LAYER_BYTES);
  const constants: Record<string, Tensor> = {};
  const nodes: Node[] = [];
  for (let i = 0; i < count; i++) {
    // The same numbers in another order: different weights at the price of a copy.
    const turned = new Float32Array(base.length);
    turned.set(base.subarray(i));
    turned.set(base.subarray(0, i), base.length - i);
    constants[`w${i}`] = tensor('float32', [WIDTH, WIDTH], turned);
    nodes.push(
      node('MatMul', [i === 0 ? 'x' : `h${i}`, `w${i}`], [i === count - 1 ? 'y' : `h${i + 1}`], { name: `m${i}` }),
    );
  }
  return smallModel({
    nodes,
    inputs: { x: ['float32', ['n', WIDTH]] },
    outputs: { y: ['float32', ['n', WIDTH]] },
    constants,
  });
}

async function seconds<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  const start = performance.now();
  const result = await work();
  console.log(`${what.padEnd(50)} ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
}

/** What is there of a model in a folder, the ONNX file first; null when it was not written whole. */
async function modelIn(folder: string): Promise<WrittenFile[] | null> {
  if (!existsSync(folder)) return null;
  const files = (await readdir(folder)).sort((a, b) => Number(b === MODEL) - Number(a === MODEL));
  return Promise.all(
    files.map(async (file) => {
      const path = join(folder, file);
      return { file, path, bytes: (await stat(path)).size, location: file === MODEL ? null : file };
    }),
  );
}

async function written(folder: string, bytes: number): Promise<WrittenFile[]> {
  const found = await modelIn(folder);
  if (found) return found;
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  await seconds('making the model', () => writeModel(chain(bytes), partial, MODEL));
  await rename(partial, folder);
  return written(folder, bytes);
}

/** The model that an earlier run uploaded, or this one uploads. */
async function uploaded(service: RunningService, files: readonly WrittenFile[]): Promise<string> {
  const list = (await (await fetch(`${service.url}/v1/models`)).json()) as { data: Model[] };
  const [known] = list.data;
  if (known) return known.id;
  await resetPeak(service.pid);
  const before = await memoryOf(service.pid);
  const form = new FormData();
  for (const { path, location, file } of files)
    form.append(location === null ? 'model' : 'external_data', await openAsBlob(path), location ?? file);
  const { id } = await seconds('upload', async () => {
    const answer = await fetch(`${service.url}/v1/models?name=large`, { method: 'POST', body: form });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as Model;
  });
  const growth = (await memoryOf(service.pid)).peak - before.now;
  console.log(`  growth of the service: ${(growth / MEBIBYTE).toFixed(0)} MiB`);
  return id;
}

/** Downloads a result with its external data and runs it once. */
async function runs(service: RunningService, artifacts: readonly Artifact[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const parts = artifacts.filter(({ role }) => role === 'model' || role === 'external_data');
  await seconds('download', async () => {
    for (const { name, urls } of parts) {
      const { body } = await fetch(new URL(urls.content, service.url));
      if (body === null) throw new Error(`${name} has no content`);
      await pipeline(Readable.fromWeb(body), createWriteStream(join(folder, name)));
    }
  });
  for (const { name, bytes } of parts) console.log(`  ${name}: ${(bytes / MEBIBYTE).toFixed(1)} MiB`);
  const x = floats(new Float32Array(WIDTH).fill(0.01), [1, WIDTH]);
  const found = await withSession(join(folder, MODEL), { threads: 1 }, (session) => session.run(new Map([['x', x]])));
  const y = found.get('y');
  if (!y || !elements(y, 'float32').every(Number.isFinite)) throw new Error('what came back does not run');
  await rm(folder, { recursive: true });
}

async function compress(service: RunningService, model: string, scheme: string, folder: string): Promise<void> {
  const client = new Client(service.url);
  const job = await seconds(`${scheme} and its evaluation`, async () => {
    const { id } = await client.createJob({
      model,
      steps: [{ type: 'quantize', scheme }],
      evaluate: { samples: 4, latency: { runs: 40, shapes: { n: 1 } } },
    });
    return client.waitFor(id, () => {});
  });
  if (job.status !== 'succeeded') throw new Error(`${job.error?.code}: ${job.error?.detail}`);
  const { stages, original, result, speedup } = await client.report(job.id);
  const [stage] = stages;
  console.log(
    `  the step alone ${stage?.seconds.toFixed(1)} s, ${((stage?.peak_memory_bytes ?? 0) / MEBIBYTE).toFixed(0)} MiB at the most`,
  );
  console.log(
    `  ${original.bytes} → ${result.bytes} bytes, ${result.metric.name} ${result.metric.value}, ${speedup.value.toFixed(2)}x`,
  );
  await runs(service, await client.artifacts(job.id), folder);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { gib: { type: 'string', default: '2.2' }, folder: { type: 'string' } },
});
const folder = values.folder ?? join(tmpdir(), `modelpress-external-${process.pid}`);
try {
  const files = await written(join(folder, 'model'), Number(values.gib) * GIBIBYTE);
  for (const { file, bytes } of files) console.log(`  ${file}: ${(bytes / MEBIBYTE).toFixed(1)} MiB`);
  const service = await startService(join(folder, 'data'), { ENGINE_MEMORY_MB: String(ENGINE_MEMORY_MB) });
  try {
    const model = await uploaded(service, files);
    for (const scheme of positionals.length > 0 ? positionals : SCHEMES)
      await compress(service, model, scheme, join(folder, 'result'));
  } finally {
    await service.stop();
  }
} finally {
  if (values.folder === undefined) await rm(folder, { recursive: true, force: true });
}
