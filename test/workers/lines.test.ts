import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { readLines } from '../../workers/supervisor/lines.js';

/** Lines read from `chunks` when none may be longer than eight bytes; `!` stands for an overlong one. */
async function read(...chunks: (string | Buffer)[]): Promise<string[]> {
  const stream = new PassThrough();
  const lines: string[] = [];
  readLines(
    stream,
    8,
    (line) => lines.push(line),
    () => lines.push('!'),
  );
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await new Promise((resolve) => stream.on('end', resolve));
  return lines;
}

describe('lines of an engine', () => {
  const cases: [string, (string | Buffer)[], string[]][] = [
    ['several in one chunk', ['a\nbc\n'], ['a', 'bc']],
    ['one over several chunks', ['a', 'b', 'c\nd', '\n'], ['abc', 'd']],
    ['an unfinished one is not a line', ['a\nb'], ['a']],
    ['exactly as long as may be', ['12345678\n'], ['12345678']],
    ['an overlong one is dropped whole, and the next is read', ['1234', '56789', '0123\nok\n'], ['!', 'ok']],
    ['an endless one costs no memory', ['x'.repeat(9), 'x'.repeat(5000), 'x'.repeat(5000)], ['!']],
    ['characters cut by a chunk border', [Buffer.from([0xc3]), Buffer.from([0xa9, 0x0a])], ['é']],
  ];
  for (const [name, chunks, expected] of cases) {
    test(name, async () => assert.deepEqual(await read(...chunks), expected));
  }
});
