/**
 * `node dist/bench/external-data.js [GiB]`: a model whose weights lie in external files of more than 2 GiB, through the whole service over HTTP:
 * upload, `int8_weights`, download, and a run of what came back. Too heavy for the tests: it needs 4 times its size in memory and disk.
 */
import { openAsBlob } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../examples/client.js';
import { startService } from '../examples/service.js';
import type { Model } from '../src/contracts/model.js';
import { type Model as Graph, type Node, node } from '../src/onnx/ir/graph.js';
import { floats, type Tensor, tensor } from '../src/onnx/ir/tensor.js';
import { writeModel } from '../src/onnx/serde/write-model.js';
import { seededRandom } from '../src/platform/random.js';
import { withSession } from '../src/runtime/session.js';
import { smallModel } from '../test/runtime/small-model.js';
import { memoryOf, resetPeak } from './memory.js';

const GIBIBYTE = 1024 ** 3;
const MEBIBYTE = 1024 ** 2;
const WIDTH = 4096;
const LAYER_BYTES = 4 * WIDTH * WIDTH;
const ENGINE_MEMORY_MB = 16 * 1024;

/** A chain of products with weights that are all different, of `bytes` bytes in all. */
function chain(bytes: number): Graph {
  const random = seededRandom(1);
  const base = Float32Array.from({ length: WIDTH * WIDTH }, () => (random() - 0.5) / Math.sqrt(WIDTH / 12));
  const count = Math.ceil(bytes / LAYER_BYTES);
  const constants: Record<string, Tensor> = {};
  const nodes: Node[] = [];
  for (let i = 0; i < count; i++) {
    const factor = 1 + i / 1000;
    constants[`w${i}`] = tensor(
      'float32',
      [WIDTH, WIDTH],
      base.map((value) => value * factor),
    );
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

const folder = await mkdtemp(join(tmpdir(), 'modelpress-external-'));
const seconds = async <Result>(what: string, work: () => Promise<Result>): Promise<Result> => {
  const start = performance.now();
  const result = await work();
  console.log(`${what.padEnd(50)} ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
};

try {
  const written = await seconds('making the model', () =>
    writeModel(chain(Number(process.argv[2] ?? 2.3) * GIBIBYTE), folder, 'model.onnx'),
  );
  for (const { file, bytes } of written) console.log(`  ${file}: ${(bytes / MEBIBYTE).toFixed(1)} MiB`);
  const service = await startService(join(folder, 'data'), { ENGINE_MEMORY_MB: String(ENGINE_MEMORY_MB) });
  try {
    await resetPeak(service.pid);
    const before = await memoryOf(service.pid);
    const form = new FormData();
    for (const { path, location, file } of written) {
      form.append(location === null ? 'model' : 'external_data', await openAsBlob(path), location ?? file);
    }
    const model = await seconds('upload', async () => {
      const answer = await fetch(`${service.url}/v1/models?name=large`, { method: 'POST', body: form });
      if (!answer.ok) throw new Error(await answer.text());
      return (await answer.json()) as Model;
    });
    const growth = (await memoryOf(service.pid)).peak - before.now;
    console.log(`  growth of the service: ${(growth / MEBIBYTE).toFixed(0)} MiB`);
    const client = new Client(service.url);
    const job = await seconds('int8_weights and its evaluation', async () => {
      const { id } = await client.createJob({
        model: model.id,
        steps: [{ type: 'quantize', scheme: 'int8_weights' }],
        evaluate: { samples: 4, latency: { runs: 40, shapes: { n: 1 } } },
      });
      return client.waitFor(id, () => {});
    });
    if (job.status !== 'succeeded') throw new Error(`${job.error?.code}: ${job.error?.detail}`);
    const report = await client.report(job.id);
    const [stage] = report.stages;
    console.log(
      `  the step alone ${stage?.seconds.toFixed(1)} s, engine ${((stage?.peak_memory_bytes ?? 0) / MEBIBYTE).toFixed(0)} MiB at the most`,
    );
    console.log(
      `  ${report.original.bytes} → ${report.result.bytes} bytes, ${report.result.metric.name} ${report.result.metric.value}, ${report.speedup.value.toFixed(2)}x`,
    );
    const path = join(folder, 'result.onnx');
    const artifact = (await client.artifacts(job.id)).find(({ role }) => role === 'model');
    if (!artifact) throw new Error('there is no model among the artifacts');
    await seconds('download', async () => writeFile(path, await client.download(artifact)));
    const x = floats(new Float32Array(WIDTH).fill(0.01), [1, WIDTH]);
    await withSession(path, { threads: 1 }, (session) => session.run(new Map([['x', x]])));
  } finally {
    await service.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
