import { BITS, type Tensor } from './tensor.js';

/** Elements as bare words by their width in bits: a transpose moves them without looking inside. */
const WORDS = { 8: Uint8Array, 16: Uint16Array, 32: Uint32Array } as const;
type Width = keyof typeof WORDS;

const widthOf = ({ dtype }: Tensor): Width | undefined => {
  const bits = BITS[dtype];
  return bits === 8 || bits === 16 || bits === 32 ? bits : undefined;
};

/** Whether `transposed` can turn this constant: two axes, elements of 1, 2 or 4 bytes. */
export const isMatrix = (tensor: Tensor): boolean => tensor.dims.length === 2 && widthOf(tensor) !== undefined;

/** The transpose of a matrix. @throws TypeError when `isMatrix` is false */
export function transposed(tensor: Tensor): Tensor {
  const width = widthOf(tensor);
  const [rows, columns] = tensor.dims;
  if (width === undefined || rows === undefined || columns === undefined)
    throw new TypeError('no matrix of whole bytes');
  const Words = WORDS[width];
  // A view of words begins at a multiple of its width.
  const aligned = tensor.bytes.byteOffset % (width / 8) === 0 ? tensor.bytes : new Uint8Array(tensor.bytes);
  const words = new Words(aligned.buffer as ArrayBuffer, aligned.byteOffset, rows * columns);
  const turned = new Words(words.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++)
      turned[column * rows + row] = words[row * columns + column] as number;
  }
  return { dtype: tensor.dtype, dims: [columns, rows], bytes: new Uint8Array(turned.buffer) };
}
