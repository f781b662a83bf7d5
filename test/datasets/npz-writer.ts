import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ZipFile } from 'yazl';

/** The bytes of an npy file; `header` replaces the dictionary when a test needs one that numpy would not write. */
export function npy(descr: string, shape: readonly number[], data: Uint8Array, header?: string): Buffer {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = header ?? `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const padded = `${text}${' '.repeat(63 - ((10 + text.length) % 64))}\n`;
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, padded.length & 255, padded.length >> 8]);
  return Buffer.concat([start, Buffer.from(padded, 'latin1'), data]);
}

interface ZipOptions {
  readonly compress?: boolean;
  readonly forceZip64Format?: boolean;
}

/** A zip archive of these files. */
export async function zip(files: Readonly<Record<string, Uint8Array>>, options: ZipOptions = {}): Promise<Buffer> {
  const archive = new ZipFile();
  for (const [name, content] of Object.entries(files))
    archive.addBuffer(Buffer.from(content), name, { mtime: new Date(0), ...options });
  archive.end();
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  archive.outputStream.pipe(sink);
  await finished(sink);
  return Buffer.concat(chunks);
}

export const float32 = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

const CENTRAL_HEADER = Buffer.from([0x50, 0x4b, 0x01, 0x02]);

/** The archive with bytes of its `entry`-th central directory header changed; offsets as in the zip specification, 4.3.12. */
export function patched(archive: Buffer, entry: number, change: (header: Buffer) => void): Buffer {
  const copy = Buffer.from(archive);
  let at = -1;
  for (let i = 0; i <= entry; i++) at = copy.indexOf(CENTRAL_HEADER, at + 1);
  change(copy.subarray(at));
  return copy;
}
