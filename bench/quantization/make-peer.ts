import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { sha256Of } from '../../workers/steps/written-model.js';
import type { BenchCase } from './cases.js';
import type { Contender } from './contenders.js';
import { located } from './open-case.js';
import type { Made, Results } from './results.js';
import type { Settings } from './settings.js';

/** The script measures too, in its own way; one sample keeps that short. */
const PEERS_OWN_SAMPLES = '1';
/** A peer that takes longer, or more memory than the machine has, is reported as failed. */
const MAX_MILLISECONDS = 20 * 60_000;
const MEBIBYTE = 1024 ** 2;

/** The last line of a peer's script. */
const Answer = z.union([z.object({ seconds: z.number(), peak_mb: z.number() }), z.object({ error: z.string() })]);

/** Has a peer's script make a model. It works in a temporary folder of its own, which is made to lie in ours, and leaves `out.onnx` there. */
export async function makePeer(
  name: string,
  benchCase: BenchCase,
  contender: Extract<Contender, { kind: 'ort' | 'nncf' }>,
  settings: Settings,
  results: Results,
): Promise<Made> {
  if (settings.peers === null) return { error: 'not run: MODELPRESS_BENCH_PEERS is not set' };
  const folder = results.contender(name, contender.name);
  const scratch = join(folder, 'scratch');
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  const script = join(settings.peers, `quantize_${contender.kind}.py`);
  const python = contender.kind === 'nncf' ? settings.nncfPython : settings.python;
  const model = located(settings.models, benchCase.model);
  const places = { TMPDIR: scratch, OCR_MODELS: dirname(model), SILERO: model };
  try {
    const { stdout } = await promisify(execFile)(python, [script, name, contender.config, PEERS_OWN_SAMPLES], {
      env: { ...process.env, ...places },
      timeout: MAX_MILLISECONDS,
      maxBuffer: 16 * MEBIBYTE,
    });
    const answer = Answer.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
    if ('error' in answer) return answer;
    const made = await outputIn(scratch);
    if (made === null) return { error: 'the script left no model' };
    await copyFile(made, join(folder, 'model.onnx'));
    const [{ size: bytes }, sha256] = [await stat(made), await sha256Of(made)];
    return { bytes, sha256, seconds: answer.seconds, peak_bytes: answer.peak_mb * MEBIBYTE, notes: [], candidates: [] };
  } catch (error) {
    return { error: `not run: ${firstLine(error)}` };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function outputIn(folder: string): Promise<string | null> {
  const file = (await readdir(folder, { recursive: true })).find((path) => path.endsWith('out.onnx'));
  return file === undefined ? null : join(folder, file);
}

const firstLine = (error: unknown): string =>
  String(error instanceof Error ? error.message : error).split('\n', 1)[0] ?? '';
