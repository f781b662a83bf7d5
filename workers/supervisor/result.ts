import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineResult, RESULT_FILE, type ResultFile } from '../protocol.js';
import { MAX_RESULT_BYTES, MAX_RESULT_FILES } from './limits.js';

/** A result that an engine of ours never writes. The reason is for the operator. */
export class ResultRefused extends Error {
  override readonly name = 'ResultRefused';
}

function ensure(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new ResultRefused(reason);
}

/**
 * Opens a file that an engine left directly in its scratch folder. A link is refused: it could lead anywhere.
 * @throws ResultRefused
 */
export async function openResultFile(scratch: string, file: string): Promise<FileHandle> {
  const opened = open(join(scratch, file), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const handle = await opened.catch((cause: unknown) => {
    throw new ResultRefused(`${file} cannot be opened`, { cause });
  });
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new ResultRefused(`${file} is not a file`);
}

/** How many files of each role a result must name; a role that is absent here is free. */
function expectedRoles(result: EngineResult, last: boolean): Readonly<Partial<Record<ResultFile['role'], number>>> {
  if (result.error) return { model: 0, stage: 0 };
  return last ? { model: 1, stage: 0 } : { model: 0, stage: 1 };
}

/**
 * Reads and checks result.json: its schema, that names are plain and each named once, and that the roles are those of a step
 * that is the job's last or not. The content of the files is checked when it is stored.
 * @throws ResultRefused
 */
export async function readResult(scratch: string, job: string, last: boolean): Promise<EngineResult> {
  const handle = await openResultFile(scratch, RESULT_FILE);
  let text: string;
  try {
    ensure((await handle.stat()).size <= MAX_RESULT_BYTES, 'result.json is too large');
    text = await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
  const result = parse(text);
  const { files, report, error } = result;
  ensure(files.length <= MAX_RESULT_FILES, 'result.json names too many files');
  ensure(new Set(files.map(({ file }) => file)).size === files.length, 'result.json names a file twice');
  for (const [role, count] of Object.entries(expectedRoles(result, last))) {
    const found = files.filter((file) => file.role === role).length;
    ensure(found === count, `result.json names ${found} files of role ${role}, not ${count}`);
  }
  ensure(last || error === null, 'only the last step can miss requirements');
  ensure((report !== null) === last, 'a report belongs to the last step');
  ensure(report === null || report.job === job, 'the report is of another job');
  return result;
}

function parse(text: string): EngineResult {
  try {
    return EngineResult.parse(JSON.parse(text));
  } catch (cause) {
    throw new ResultRefused('result.json does not have the form of a result', { cause });
  }
}
