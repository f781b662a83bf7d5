import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { openResultFile, readResult } from '../../workers/supervisor/result.js';

const root = mkdtempSync(join(tmpdir(), 'modelpress-result-'));
after(() => rmSync(root, { recursive: true, force: true }));

const JOB = `job_${'0'.repeat(26)}`;
const model = { file: 'model.onnx', name: 'model.onnx', role: 'model' };
const stage = { type: 'evaluate', seconds: 1, peak_memory_bytes: 1, bytes: 1, sha256: 'a'.repeat(64), notes: [] };
const middle = { files: [{ ...model, role: 'stage' }], stage, report: null, error: null };

describe('what an engine leaves is not trusted', () => {
  let scratch: string;
  beforeEach(() => {
    scratch = mkdtempSync(join(root, 'scratch-'));
  });
  const leave = (result: unknown) =>
    writeFileSync(join(scratch, 'result.json'), typeof result === 'string' ? result : JSON.stringify(result));

  test('a proper result is taken', async () => {
    leave(middle);
    assert.deepEqual((await readResult(scratch, JOB, false)).files, middle.files);
  });

  const refused: [string, unknown, RegExp][] = [
    ['no JSON', '{', /form of a result/],
    ['another form', { files: [] }, /form of a result/],
    ['a path as a file name', { ...middle, files: [{ ...model, file: '../model.onnx' }] }, /form of a result/],
    ['a path as an artifact name', { ...middle, files: [{ ...model, name: 'a/b' }] }, /form of a result/],
    ['a file named twice', { ...middle, files: [middle.files[0], middle.files[0]] }, /twice/],
    ['too many files', { ...middle, files: Array(1001).fill(model) }, /too many/],
    ['no model at all', { ...middle, files: [] }, /0 files of role stage/],
    ['the last role before the last step', { ...middle, files: [model] }, /1 files of role model/],
    ['an error before the last step', { ...middle, files: [], error: failure() }, /only the last step/],
  ];
  for (const [name, result, reason] of refused) {
    test(`${name} is refused`, async () => {
      leave(result);
      await assert.rejects(readResult(scratch, JOB, false), reason);
    });
  }

  test('a last step without a report is refused', async () => {
    leave({ ...middle, files: [model] });
    await assert.rejects(readResult(scratch, JOB, true), /report belongs/);
  });

  test('no file at all is refused', async () => {
    await assert.rejects(readResult(scratch, JOB, false), /cannot be opened/);
  });

  test('a link is not followed, and a folder is not a file', async () => {
    writeFileSync(join(root, 'secret'), 'secret');
    symlinkSync(join(root, 'secret'), join(scratch, 'model.onnx'));
    mkdirSync(join(scratch, 'w0.bin'));
    await assert.rejects(openResultFile(scratch, 'model.onnx'), /cannot be opened/);
    await assert.rejects(openResultFile(scratch, 'w0.bin'), /not a file/);
  });
});

function failure() {
  return { code: 'requirements_not_met', title: 't', detail: 'd', retryable: false };
}
