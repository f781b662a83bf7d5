import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import {
  makeScratch,
  removeScratch,
  scratchBytes,
  scratchRoot,
  sweepScratch,
} from '../../workers/supervisor/scratch.js';

const data = mkdtempSync(join(tmpdir(), 'modelpress-scratch-'));
after(() => rmSync(data, { recursive: true, force: true }));
const root = scratchRoot(data);
const job = `job_${'0'.repeat(26)}`;
const other = `job_${'1'.repeat(26)}`;

describe('scratch folders', () => {
  test('are empty when made, whatever lay there', async () => {
    const folder = await makeScratch(root, { job, attempt: 1 });
    writeFileSync(join(folder, 'old'), '');
    assert.equal(await makeScratch(root, { job, attempt: 1 }), folder);
    assert.deepEqual(readdirSync(folder), []);
    await removeScratch(folder);
    assert.deepEqual(readdirSync(root), []);
  });

  test("of a job's earlier attempts go when the next one begins", async () => {
    await makeScratch(root, { job, attempt: 1 });
    await makeScratch(root, { job: other, attempt: 1 });
    const folder = await makeScratch(root, { job, attempt: 2 });
    assert.deepEqual(readdirSync(root).sort(), [`${job}-2`, `${other}-1`]);
    await removeScratch(folder);
  });

  test('of dead attempts go, with everything else that lies there; live ones stay', async () => {
    await makeScratch(root, { job, attempt: 1 });
    await makeScratch(root, { job: other, attempt: 2 });
    mkdirSync(join(root, 'stray'));
    writeFileSync(join(root, 'stray', 'file'), '');
    await sweepScratch(root, async ({ attempt }) => (attempt === 2 ? 'live' : 'over'));
    assert.deepEqual(readdirSync(root), [`${other}-2`]);
  });

  test('hand the checkpoints of an interrupted attempt on to the next one, and nothing else', async () => {
    const first = await makeScratch(root, { job, attempt: 1 });
    writeFileSync(join(first, 'checkpoint-0-distill.bin'), 'state');
    for (const name of ['checkpoint-0-distill.bin.partial', 'task.json']) writeFileSync(join(first, name), '');
    symlinkSync('/etc/hostname', join(first, 'checkpoint-1-distill.bin'));
    mkdirSync(join(first, 'checkpoint-2-distill.bin'));
    await sweepScratch(root, async () => 'interrupted');
    assert.deepEqual(readdirSync(first), ['checkpoint-0-distill.bin']);
    const second = await makeScratch(root, { job, attempt: 2 });
    assert.deepEqual(readdirSync(second), ['checkpoint-0-distill.bin']);
    assert.equal(readFileSync(join(second, 'checkpoint-0-distill.bin'), 'utf8'), 'state');
    assert.equal(existsSync(first), false);
    await sweepScratch(root, async () => 'over');
    assert.equal(existsSync(second), false);
  });

  test('are measured with everything below', async () => {
    const folder = await makeScratch(root, { job, attempt: 3 });
    mkdirSync(join(folder, 'a', 'b'), { recursive: true });
    writeFileSync(join(folder, 'x'), 'x'.repeat(1000));
    const before = await scratchBytes(folder);
    writeFileSync(join(folder, 'a', 'b', 'y'), 'y'.repeat(2000));
    assert.equal((await scratchBytes(folder)) - before, 2000);
  });
});
