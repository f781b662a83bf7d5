import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { CALIBRATION_RUN, checkpointFile } from '../../workers/protocol.js';
import { CalibrationCache } from '../../workers/supervisor/calibration-cache.js';

const data = mkdtempSync(join(tmpdir(), 'modelpress-calibrations-'));
after(() => rmSync(data, { recursive: true, force: true }));
const KEYS = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string];
const STEP = 1;
const WEEK_MS = 7 * 24 * 3_600_000;
const HEADER_BYTES = 32;

describe('what was measured for earlier jobs', () => {
  let root: string;
  let scratch: string;
  let file: string;
  let cache: CalibrationCache;
  beforeEach(async () => {
    const folder = mkdtempSync(join(data, 'test-'));
    [root, scratch] = [join(folder, 'calibrations'), join(folder, 'scratch')];
    await mkdir(scratch);
    file = join(scratch, checkpointFile(STEP, CALIBRATION_RUN));
    cache = new CalibrationCache(root, { entryBytes: 100, totalBytes: 3 * (10 + HEADER_BYTES) - 1, unusedMs: WEEK_MS });
  });

  const keep = async (key: string, content: string) => {
    writeFileSync(file, content);
    await cache.keep(key, scratch, STEP);
    rmSync(file);
  };
  const lent = async (key: string) => {
    rmSync(file, { force: true });
    await cache.lend(key, scratch, STEP);
    return existsSync(file) ? readFileSync(file, 'utf8') : null;
  };

  test('comes back under its own key only', async () => {
    await keep(KEYS[0], 'measured');
    assert.equal(await lent(KEYS[0]), 'measured');
    assert.equal(await lent(KEYS[1]), null);
  });

  test('is nothing where nothing was measured', async () => {
    await cache.keep(KEYS[0], scratch, STEP);
    assert.equal(await lent(KEYS[0]), null);
    await cache.sweep();
  });

  test('gives way to what an earlier attempt of the same step left', async () => {
    await keep(KEYS[0], 'measured');
    writeFileSync(file, 'half');
    await cache.lend(KEYS[0], scratch, STEP);
    assert.equal(readFileSync(file, 'utf8'), 'half');
  });

  for (const [what, damage] of [
    ['a changed byte', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from('!')])],
    ['a missing end', (bytes: Buffer) => bytes.subarray(0, -3)],
    ['nothing in it', () => Buffer.alloc(0)],
  ] as const) {
    test(`is removed, not lent, with ${what}`, async () => {
      await keep(KEYS[0], 'measured');
      writeFileSync(join(root, KEYS[0]), damage(readFileSync(join(root, KEYS[0]))));
      assert.equal(await lent(KEYS[0]), null);
      assert.deepEqual(await readdir(root), []);
    });
  }

  test('is not taken through a link, nor when it is too large', async () => {
    const secret = join(data, 'secret');
    writeFileSync(secret, 'secret');
    symlinkSync(secret, file);
    await assert.rejects(cache.keep(KEYS[0], scratch, STEP), { name: 'ResultRefused' });
    rmSync(file);
    await keep(KEYS[0], 'x'.repeat(101));
    assert.equal(await lent(KEYS[0]), null);
  });

  test('goes when there is too much of it, the longest unused first, or after a week without use', async () => {
    for (const [age, key] of KEYS.slice(0, 2).entries()) {
      await keep(key, '0123456789');
      const used = Date.now() / 1000 - 60 * (2 - age);
      utimesSync(join(root, key), used, used);
    }
    await lent(KEYS[0]);
    await keep(KEYS[2], '0123456789');
    assert.deepEqual((await readdir(root)).sort(), [KEYS[0], KEYS[2]]);
    await cache.sweep(Date.now() + WEEK_MS + 60_000);
    assert.deepEqual(await readdir(root), []);
  });
});
