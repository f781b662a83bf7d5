/** One protobuf field of wire type 2 (length-delimited): tag, length, content. */
function field(number: number, content: Uint8Array): Buffer {
  return Buffer.concat([header(number, content.length), content]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}

const header = (number: number, length: number) => Buffer.from([...varint(number * 8 + 2), ...varint(length)]);
const whole = (number: number, value: number) => Buffer.from([...varint(number * 8), ...varint(value)]);
const text = (number: number, value: string) => field(number, Buffer.from(value));

const CHUNK_BYTES = 1024 * 1024;

/**
 * A valid ONNX file y = x + w of about `weightBytes`, made while it is read, so that a benchmark of 2 GiB needs neither memory
 * nor disk. `seed` makes its content, and so its hash, its own.
 */
export function largeModel(weightBytes: number, seed: number): { bytes: number; chunks: () => Generator<Buffer> } {
  const elements = Math.floor(weightBytes / 4);
  const value = (name: string) =>
    Buffer.concat([
      text(1, name),
      field(2, field(1, Buffer.concat([whole(1, 1), field(2, field(1, whole(1, elements)))]))),
    ]);
  const tensorHead = Buffer.concat([whole(1, elements), whole(2, 1), text(8, `w${seed}`), header(9, elements * 4)]);
  const tensorBytes = tensorHead.length + elements * 4;
  const node = Buffer.concat([text(1, 'x'), text(1, `w${seed}`), text(2, 'y'), text(4, 'Add')]);
  const before = Buffer.concat([field(1, node), text(2, 'large'), header(5, tensorBytes)]);
  const after = Buffer.concat([field(11, value('x')), field(12, value('y'))]);
  const graphBytes = before.length + tensorBytes + after.length;
  const start = Buffer.concat([whole(1, 8), field(8, whole(2, 13)), header(7, graphBytes), before, tensorHead]);
  return {
    bytes: start.length + elements * 4 + after.length,
    *chunks() {
      yield start;
      const chunk = Buffer.alloc(CHUNK_BYTES, seed % 64);
      for (let left = elements * 4; left > 0; left -= chunk.length)
        yield left < chunk.length ? chunk.subarray(0, left) : chunk;
      yield after;
    },
  };
}
