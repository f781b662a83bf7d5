/**
 * `npm run bench:calibration [ROW …]`: what a static quantization takes, beside ONNX Runtime's Python tool with the same samples, method and
 * kinds of nodes when MODELPRESS_BENCH_PYTHON names an interpreter that has `onnxruntime` and `onnx`. Whole processes, from their start to the
 * file, all cores, in turns; the least times of ROUNDS (3 by default) are compared, because neighbours only ever add to them. Folders of
 * models and data: MODELPRESS_BENCH_MODELS and MODELPRESS_BENCH_DATA, as for `bench:quantization`.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { writeOurTask } from './calibration/our-task.js';
import { ROWS, type Row } from './calibration/rows.js';
import { type BenchCase, CASES } from './quantization/cases.js';
import { located, missing } from './quantization/open-case.js';
import { settings } from './quantization/settings.js';

const MEBIBYTE = 1024 ** 2;
/** What is asked: at most this part of the peer's wall time, and of its memory. */
const BAR = 0.5;
const OURS = fileURLToPath(new URL('./calibration/ours.js', import.meta.url));
const PEER = 'bench/calibration/peer.py';
const Answer = z.object({ peak_bytes: z.number(), processor_seconds: z.number() });
/** Of whole processes. */
interface Taken {
  readonly seconds: number;
  /** Of the processor, all threads. */
  readonly processor: number;
  readonly bytes: number;
}

const rounds = Number(process.env.ROUNDS ?? 3);
const where = settings(process.env);
const python = process.env.MODELPRESS_BENCH_PYTHON;

async function taken(program: string, parameters: readonly string[]): Promise<Taken> {
  const start = performance.now();
  const { stdout } = await promisify(execFile)(program, parameters, { maxBuffer: 16 * MEBIBYTE });
  const seconds = (performance.now() - start) / 1000;
  const answer = Answer.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
  return { seconds, processor: answer.processor_seconds, bytes: answer.peak_bytes };
}

/** Fields as peer.py reads them. */
function peersTask({ model, data, arrays }: BenchCase, { method, samples, operators }: Row, folder: string): string {
  const [[array, { input = array, scale = 1, offset = 0 }] = ['x', {}]] = Object.entries(arrays ?? {});
  return JSON.stringify({
    ...{ array, input, scale, offset, method, samples, operators, output: join(folder, 'quantized.onnx') },
    model: located(where.models, model),
    data: located(where.data, data),
  });
}

async function inTurns(name: string, row: Row, benchCase: BenchCase, folder: string): Promise<[Taken[], Taken[]]> {
  const [ours, theirs]: [Taken[], Taken[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const own = join(folder, `${name}-${round}`);
    await writeOurTask(row, benchCase, where, own);
    ours.push(await taken(process.execPath, [OURS, own]));
    if (python !== undefined && row.peer) theirs.push(await taken(python, [PEER, peersTask(benchCase, row, own)]));
    await rm(own, { recursive: true });
  }
  return [ours, theirs];
}

/** Times by the least of the rounds, memory by the most. */
const summary = (all: readonly Taken[]): Taken => ({
  seconds: Math.min(...all.map(({ seconds }) => seconds)),
  processor: Math.min(...all.map(({ processor }) => processor)),
  bytes: Math.max(...all.map(({ bytes }) => bytes)),
});
const words = ({ seconds, processor, bytes }: Taken) =>
  `${seconds.toFixed(1)} s, processor ${processor.toFixed(1)} s, ${(bytes / MEBIBYTE).toFixed(0)} MiB`;
const compared = (ratio: number) => `${ratio.toFixed(2)} (${ratio <= BAR ? 'met' : 'missed'})`;

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(ROWS, name));
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(', ')}. Rows: ${Object.keys(ROWS).join(', ')}.`);
  process.exit(2);
}
console.log(
  `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Node ${process.versions.node}, ${rounds} rounds\n`,
);
if (python === undefined) console.error('Without the peer: MODELPRESS_BENCH_PYTHON is not set.');
console.log("| | Modelpress | ONNX Runtime's tool | of its time | of its processor time | of its memory |");
console.log('| --- | --- | --- | --- | --- | --- |');
const folder = await mkdtemp(join(tmpdir(), 'modelpress-bench-'));
try {
  for (const [name, row] of Object.entries(ROWS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const benchCase = CASES[row.benchCase] as BenchCase;
    const reason = missing(benchCase, where);
    if (reason) {
      console.error(`${name}: skipped: ${reason}.`);
      continue;
    }
    const [ours, theirs] = (await inTurns(name, row, benchCase, folder)).map(summary) as [Taken, Taken];
    const beside = Number.isFinite(theirs.seconds)
      ? [
          words(theirs),
          compared(ours.seconds / theirs.seconds),
          compared(ours.processor / theirs.processor),
          compared(ours.bytes / theirs.bytes),
        ]
      : ['not run', '', '', ''];
    console.log(`| ${[row.title, words(ours), ...beside].join(' | ')} |`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
