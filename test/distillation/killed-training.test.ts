import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '../../src/platform/random.js';

const KILLS = 20;
/** Steps that a process may do before it is killed. Two trainings of 240 steps take about 20 kills. */
const MOST_STEPS = 40;
const SCRIPT = fileURLToPath(new URL('training-process.js', import.meta.url));

async function newFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'killed-training-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** Trains in a process of its own until it ends, or is killed behind so many steps. */
async function attempt(t: TestContext, folder: string, steps: number) {
  const child = spawn(process.execPath, [SCRIPT, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'close');
  const said: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (said.push(line) === steps) child.kill('SIGKILL');
  });
  const [code, signal] = await ended;
  assert.ok(code === 0 || signal === 'SIGKILL', `it ended with ${code ?? signal}`);
  return { killed: code !== 0, first: said[0] ?? '', last: said.at(-1) ?? '' };
}

test(`a process that is killed at ${KILLS} random steps and started again leaves the same bytes as one that is not`, async (t) => {
  const resultOf = (folder: string) => readFile(join(folder, 'result.bin'));
  const undisturbed = await newFolder(t);
  await attempt(t, undisturbed, Number.POSITIVE_INFINITY);
  const whole = await resultOf(undisturbed);
  const random = seededRandom(17);
  const phases = new Set<string>();
  let kills = 0;
  let resumed = 0;
  while (kills < KILLS) {
    const folder = await newFolder(t);
    for (let over = false; !over; ) {
      const steps = kills < KILLS ? 1 + Math.floor(random() * MOST_STEPS) : Number.POSITIVE_INFINITY;
      const { killed, first, last } = await attempt(t, folder, steps);
      if (first !== 'distill 1') resumed++;
      if (killed) {
        kills++;
        phases.add(last.split(' ')[0] ?? '');
      }
      over = !killed;
    }
    assert.ok((await resultOf(folder)).equals(whole), `after ${kills} kills`);
  }
  assert.ok(resumed >= KILLS / 2, `${resumed} processes went on from a checkpoint`);
  assert.deepEqual([...phases].sort(), ['baseline', 'distill']);
});
