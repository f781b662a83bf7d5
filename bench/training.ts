/**
 * `npm run bench:training`: milliseconds of a training step (forward, loss, backward, optimizer), beside PyTorch on the same machine, threads,
 * weights and batches when PEER_PYTHON names a python that has torch. Rounds of both alternate; medians are compared.
 * Arguments: names of networks. THREADS, ROUNDS and STEPS change the defaults; PROFILE=20 prints the twenty dearest kernels instead.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { floats, int64s, type Tensor } from '../src/onnx/ir/tensor.js';
import { seededRandom } from '../src/platform/random.js';
import { npy, zip } from '../test/datasets/npz-writer.js';
import { type BenchNetwork, CLASSES, NETWORKS, PICTURE } from './training/networks.js';
import { type Batch, startOurs } from './training/ours.js';
import { type Peer, type Steps, startPeer } from './training/peer.js';
import { profileLines } from './training/profile.js';

const setting = (name: string, fallback: number) => Number(process.env[name] ?? fallback);
const THREADS = setting('THREADS', 2);
const ROUNDS = setting('ROUNDS', 9);
const STEPS = setting('STEPS', 10);
const BATCHES = 8;
const WARM_UP = 20;
const PIXELS = PICTURE.dims.reduce((a, b) => a * b, 1);

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Seeded noise and classes: what is measured is the arithmetic. */
function batchesOf(batch: number): Batch[] {
  const random = seededRandom(1);
  return Array.from({ length: BATCHES }, () => ({
    x: floats(Array.from({ length: batch * PIXELS }, random), [batch, ...PICTURE.dims]),
    labels: Array.from({ length: batch }, () => Math.floor(random() * CLASSES)),
  }));
}

/** Initial weights in the order of the network's layers, and the batches, as the peer reads them. */
async function npzFile(path: string, weights: readonly Tensor[], batches: readonly Batch[], batch: number) {
  const entries = weights.map(({ dims, bytes }, i) => [`p${String(i).padStart(3, '0')}.npy`, npy('<f4', dims, bytes)]);
  const x = Buffer.concat(batches.map((each) => each.x.bytes));
  const labels = Buffer.from(int64s(batches.flatMap((each) => each.labels)).bytes);
  await writeFile(
    path,
    await zip({
      ...Object.fromEntries(entries),
      'x.npy': npy('<f4', [batches.length, batch, ...PICTURE.dims], x),
      'labels.npy': npy('<i8', [batches.length, batch], labels),
    }),
  );
}

async function measure({ name, batch, build }: BenchNetwork, peer: Peer | null, folder: string): Promise<void> {
  const student = build(seededRandom(0));
  const batches = batchesOf(batch);
  const ours = await startOurs(student, batches, THREADS);
  const file = join(folder, `${name}.npz`);
  const weights = [...student.graph.initializers].filter(([key, { dtype, dims }]) => {
    return dtype === 'float32' && dims.length > 0 && !/\.(mean|variance)$/.test(key);
  });
  await npzFile(
    file,
    weights.map(([, tensor]) => tensor),
    batches,
    batch,
  );
  const theirs = peer && (await peer.take(name, file));
  const first = [await ours.steps(WARM_UP), await peer?.steps(WARM_UP)];
  const rounds: { ours: Steps; theirs: Steps | null }[] = [];
  for (let round = 0; round < ROUNDS; round++)
    rounds.push({ ours: await ours.steps(STEPS), theirs: peer ? await peer.steps(STEPS) : null });
  await ours.release();
  const lines = (['times', 'processor'] as const).map((what) => {
    const mine = rounds.map((round) => median(round.ours[what]));
    const other = rounds.map(({ theirs: steps }) => median(steps?.[what] ?? []));
    const ratios = other.map((value, i) => value / (mine[i] ?? Number.NaN)).toSorted((a, b) => a - b);
    const compared = `, PyTorch ${median(other).toFixed(2)}: ${median(ratios).toFixed(2)}x [${ratios[0]?.toFixed(2)}, ${ratios.at(-1)?.toFixed(2)}]`;
    return `  ${what === 'times' ? 'ms per step' : 'ms of the processor'}: ${median(mine).toFixed(2)}${peer ? compared : ''}`;
  });
  console.log([`${name}: ${ours.parameters} parameters, batch ${batch}, ${THREADS} threads`, ...lines].join('\n'));
  if (!peer) return;
  const differences = first[0]?.losses.map((loss, i) => Math.abs(loss - (first[1]?.losses[i] ?? Number.NaN))) ?? [];
  console.log(`  ${theirs}; losses of ${WARM_UP} steps differ by at most ${Math.max(...differences).toExponential(1)}`);
}

async function profile({ name, batch, build }: BenchNetwork, most: number, folder: string): Promise<void> {
  const prefix = join(folder, name);
  const ours = await startOurs(build(seededRandom(0)), batchesOf(batch), THREADS, prefix);
  await ours.steps(STEPS);
  await ours.release();
  console.log(name);
  for (const line of await profileLines(prefix, STEPS, most)) console.log(line);
}

const wanted = process.argv.slice(2);
const python = process.env.PEER_PYTHON;
console.log(`${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Node ${process.versions.node}`);
if (python === undefined) console.log('PEER_PYTHON is not set: PyTorch is not measured.');
const folder = await mkdtemp(join(tmpdir(), 'modelpress-bench-'));
const peer = python === undefined ? null : startPeer(python, THREADS);
try {
  for (const network of NETWORKS) {
    if (wanted.length > 0 && !wanted.includes(network.name)) continue;
    await (process.env.PROFILE ? profile(network, setting('PROFILE', 20), folder) : measure(network, peer, folder));
  }
} finally {
  peer?.stop();
  await rm(folder, { recursive: true, force: true });
}
