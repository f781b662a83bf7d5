/**
 * Integers of 1, 2 or 4 bits packed in bytes, the first in the lowest bits; each row of `rowLength` begins a byte, and is filled up with
 * `filler`. Higher bits of an integer than `bits` are left out.
 */
export function packBits(
  integers: Uint8Array,
  bits: 1 | 2 | 4,
  rowLength: number = integers.length,
  filler = 0,
): Uint8Array<ArrayBuffer> {
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  const bytes = Math.ceil(rowLength / perByte);
  const rows = rowLength === 0 ? 0 : integers.length / rowLength;
  const packed = new Uint8Array(rows * bytes);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < bytes * perByte; column++) {
      const integer = column < rowLength ? (integers[row * rowLength + column] as number) : filler;
      const at = row * bytes + Math.floor(column / perByte);
      packed[at] = (packed[at] as number) | ((integer & mask) << (bits * (column % perByte)));
    }
  }
  return packed;
}

/** The integers that `packBits` has packed, `count` of them without the fillings. */
export function unpackBits(
  bytes: Uint8Array,
  bits: 1 | 2 | 4,
  count: number,
  rowLength: number = count,
): Uint8Array<ArrayBuffer> {
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  const rowBytes = Math.ceil(rowLength / perByte);
  return Uint8Array.from({ length: count }, (_, i) => {
    const column = i % rowLength;
    const byte = bytes[Math.floor(i / rowLength) * rowBytes + Math.floor(column / perByte)] as number;
    return (byte >> (bits * (column % perByte))) & mask;
  });
}
