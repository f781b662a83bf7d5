import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** A folder for this test file, gone when its tests are done. */
export const scratch = mkdtempSync(join(tmpdir(), 'modelpress-datasets-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

let files = 0;

/** Writes the bytes to a new file and answers its path. */
export function fileOf(bytes: Uint8Array): string {
  const path = join(scratch, `file-${files++}`);
  writeFileSync(path, bytes);
  return path;
}

export const golden = (name: string): string => join('test/datasets/golden', name);
export const never = (): AbortSignal => new AbortController().signal;
