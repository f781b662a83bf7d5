/**
 * `node dist/bench/cleanup.js`: what the lossless clean-up gives in FP32 on this machine, and what single passes of it do. The original and
 * its variants alternate in blocks of one process, one thread; 20th percentiles are compared, because interruptions only ever add time.
 * Models that are not in the repository are looked for in the folders of MODELPRESS_BENCH_MODELS.
 */
import { readFileSync } from 'node:fs';
import { cloneModel } from '../src/onnx/ir/clone.js';
import type { Model } from '../src/onnx/ir/graph.js';
import { elementCount, floats, int64s, type Tensor } from '../src/onnx/ir/tensor.js';
import { blockSize } from '../src/onnx/passes/blocked-layout.js';
import { cleanUp } from '../src/onnx/passes/clean-up.js';
import { tuneForCpu } from '../src/onnx/passes/tune-for-cpu.js';
import { decodeModel } from '../src/onnx/serde/decode-model.js';
import { encodeModel } from '../src/onnx/serde/encode-model.js';
import { pinShapes } from '../src/onnx/shapes/pin-shapes.js';
import type { RunModel } from '../src/onnx/shapes/record-shapes.js';
import { cpuFacts } from '../src/platform/cpu.js';
import { seededRandom } from '../src/platform/random.js';
import { openSession, type Session, withSession } from '../src/runtime/session.js';
import { percentile } from './percentile.js';
import { find, settings } from './quantization/settings.js';

const BLOCKS = 40;
/** Runs of a block take about this long, so that a block is longer than the timer is coarse and shorter than a neighbour's burst. */
const BLOCK_MILLISECONDS = 25;
type Feeds = ReadonlyMap<string, Tensor>;

const random = seededRandom(1);
const image = (name: string, dims: readonly number[]): Feeds =>
  new Map([[name, floats(Float32Array.from({ length: elementCount(dims) }, random), dims)]]);
const text = (tokens: number): Feeds =>
  new Map([
    [
      'input_ids',
      int64s(
        Array.from({ length: tokens }, () => 1000 + Math.floor(20_000 * random())),
        [1, tokens],
      ),
    ],
    ['attention_mask', int64s(new Array(tokens).fill(1), [1, tokens])],
  ]);
const speech: Feeds = new Map([
  ...image('input', [1, 576]),
  ['state', floats(new Float32Array(256), [2, 1, 128])],
  ['sr', int64s([16_000], [])],
]);
const CASES: readonly [name: string, file: string, feeds: Feeds][] = [
  ['PP-OCR cls', 'ch_ppocr_mobile_v2.0_cls_infer.onnx', image('x', [1, 3, 48, 192])],
  ['PP-OCR rec', 'ch_PP-OCRv4_rec_infer.onnx', image('x', [1, 3, 48, 320])],
  ['PP-OCR det', 'ch_PP-OCRv4_det_infer.onnx', image('x', [1, 3, 320, 320])],
  ['resnet', 'resnet.onnx', image('x', [1, 1, 28, 28])],
  ['mobilenet', 'mobilenet.onnx', image('x', [1, 1, 28, 28])],
  ['vit', 'vit.onnx', image('x', [1, 1, 28, 28])],
  ['minilm', 'minilm-spam.onnx', text(64)],
  ['silero', 'silero_vad_16k_op15.onnx', speech],
];

const runOn =
  (feeds: Feeds): RunModel =>
  (model, fetches) =>
    withSession(encodeModel(model), { threads: 1, optimization: 'disabled' }, (session) => {
      const taken = new Set(session.inputs.map(({ name }) => name));
      return session.run(new Map([...feeds].filter(([name]) => taken.has(name))), fetches);
    });

/** The model with residuals as Add again, which ONNX Runtime fuses with the LayerNormalization behind. */
function withAdds(model: Model): Model {
  const back = cloneModel(model);
  back.graph.nodes = back.graph.nodes.map((node) =>
    node.opType === 'Sum' && node.inputs.length === 2 ? Object.freeze({ ...node, opType: 'Add' }) : node,
  );
  return back;
}

/** The models to time, by what was done to them. */
async function variants(model: Model, feeds: Feeds, block: number): Promise<Record<string, Model>> {
  const run = runOn(feeds);
  const { model: cleaned } = await cleanUp(model, { run });
  const { model: padded } = await cleanUp(model, { run, padTo: block });
  const pinned = await cleanUp((await pinShapes(cleaned, feeds, run)).model, { run });
  const tuned = tuneForCpu(cleaned, block).model;
  return {
    cleaned,
    tuned,
    'tuned, Add': withAdds(tuned),
    'tuned, padded': tuneForCpu(padded, block).model,
    'tuned, pinned': tuneForCpu(pinned.model, block).model,
  };
}

async function timed(session: Session, feeds: ReadonlyMap<string, Tensor>): Promise<number> {
  const start = performance.now();
  await session.run(feeds);
  return performance.now() - start;
}

const block = blockSize(cpuFacts().instructionSets);
const { models } = settings(process.env);
const wanted = process.argv.slice(2);
for (const [name, file, feeds] of CASES) {
  const path = find(models, file);
  if (!path || (wanted.length > 0 && !wanted.some((word) => name.includes(word)))) continue;
  const bytes = readFileSync(path);
  const made = Object.entries(await variants(decodeModel(bytes), feeds, block));
  const sources = [['original', bytes] as const, ...made.map(([kind, model]) => [kind, encodeModel(model)] as const)];
  // A pass that finds nothing leaves the bytes as they were: timing them twice shows noise.
  const distinct = sources.filter(
    ([, bytes], i) => sources.findIndex(([, other]) => !Buffer.compare(bytes, other)) === i,
  );
  const sessions = await Promise.all(
    distinct.map(async ([kind, source]) => ({
      kind,
      session: await openSession(source, { threads: 1 }),
      times: [] as number[],
    })),
  );
  let once = 0;
  for (const { session } of sessions) once = Math.max(await timed(session, feeds), await timed(session, feeds));
  const runs = Math.max(1, Math.round(BLOCK_MILLISECONDS / once));
  for (let index = 0; index < BLOCKS; index++) {
    for (const { session, times } of index % 2 === 0 ? sessions : sessions.toReversed()) {
      for (let i = 0; i < runs; i++) times.push(await timed(session, feeds));
    }
  }
  const [original = 0, ...others] = sessions.map(({ times }) => percentile(times, 20));
  const ratios = others.map((time, i) => `${sessions[i + 1]?.kind} ${(original / time).toFixed(3)}x`);
  console.log(`${name.padEnd(12)} original ${original.toFixed(3)} ms; ${ratios.join('; ')}`);
  for (const { session } of sessions) await session.release();
}
