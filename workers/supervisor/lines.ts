import type { Readable } from 'node:stream';

/** A sender may fill the pipe with this many bytes a second; more waits, so that one engine cannot keep the event loop. */
const MAX_BYTES_PER_SECOND = 1024 * 1024;
const NEWLINE = 0x0a;

/** Calls `onLine` for each line of at most `maxBytes` bytes, and `onOverlong` once for each longer one, which is dropped. */
export function readLines(
  stream: Readable,
  maxBytes: number,
  onLine: (line: string) => void,
  onOverlong: () => void,
): void {
  let pending = Buffer.alloc(0);
  let dropping = false;
  let budget = MAX_BYTES_PER_SECOND;

  stream.on('data', (chunk: Buffer) => {
    budget -= chunk.length;
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      take(chunk.subarray(start, end));
      if (!dropping) onLine(pending.toString('utf8'));
      pending = Buffer.alloc(0);
      dropping = false;
      start = end + 1;
    }
    take(chunk.subarray(start));
    if (budget > 0) return;
    stream.pause();
    setTimeout(() => {
      budget = MAX_BYTES_PER_SECOND;
      stream.resume();
    }, 1000).unref();
  });

  function take(bytes: Buffer): void {
    if (dropping) return;
    if (pending.length + bytes.length <= maxBytes) {
      pending = Buffer.concat([pending, bytes]);
      return;
    }
    dropping = true;
    onOverlong();
  }
}
