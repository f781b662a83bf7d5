import type { ElementType } from '../../contracts/signature.js';
import { ServiceError } from '../../platform/errors.js';
import { MAX_ELEMENTS, MAX_NPY_HEADER_BYTES, MAX_RANK } from './limits.js';

/** What a dataset array may hold: numpy's little-endian or byte-sized kinds. */
const DTYPES: Readonly<Record<string, ElementType>> = {
  b1: 'bool',
  u1: 'uint8',
  i1: 'int8',
  u2: 'uint16',
  i2: 'int16',
  u4: 'uint32',
  i4: 'int32',
  i8: 'int64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
};

export interface NpyHeader {
  readonly dtype: ElementType;
  readonly shape: readonly number[];
  /** Bytes before the data. */
  readonly length: number;
}

export const NPY_MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);
/** Magic, version, and the widest length field. */
const FIXED_BYTES = 12;

const corrupt = (where: string, why: string): ServiceError =>
  new ServiceError('corrupt_dataset', `${where}: ${why}.`, { hint: 'Write it again with numpy.savez or numpy.save.' });

/**
 * Reads the header of an npy file (versions 1 to 3 of numpy/lib/format) from the file's first bytes. Its text is a Python dictionary; it is
 * read as one by rules of its own, never evaluated.
 * @returns null when more bytes are needed.
 * @throws ServiceError corrupt_dataset, unsafe_dataset for pickled objects, unsupported_dtype.
 */
export function parseNpyHeader(bytes: Uint8Array, where: string): NpyHeader | null {
  if (NPY_MAGIC.some((byte, index) => index < bytes.length && bytes[index] !== byte))
    throw corrupt(where, 'it does not begin as an npy array');
  if (bytes.length < FIXED_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = view.getUint8(6);
  if (major < 1 || major > 3) throw corrupt(where, `npy version ${major} is unknown`);
  const start = major === 1 ? 10 : 12;
  const textBytes = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (textBytes > MAX_NPY_HEADER_BYTES)
    throw new ServiceError(
      'dataset_limit_exceeded',
      `${where} has a header of ${textBytes} bytes; the limit is ${MAX_NPY_HEADER_BYTES}.`,
    );
  const length = start + textBytes;
  if (bytes.length < length) return null;
  return { ...parseDictionary(new TextDecoder('latin1').decode(bytes.subarray(start, length)), where), length };
}

const TOKEN = /\s*(?:('[^'\\]*'|"[^"\\]*")|(True|False)|(\d{1,16})L?|([{}():,[\]]))/y;

/** A dictionary of exactly descr, fortran_order and shape, in any order. */
function parseDictionary(text: string, where: string): Pick<NpyHeader, 'dtype' | 'shape'> {
  const tokens = tokenize(text, where);
  let at = 0;
  const next = () => tokens[at++] ?? '';
  const expect = (token: string) => {
    if (next() !== token) throw corrupt(where, 'its header is not a plain dictionary');
  };
  let dtype: ElementType | undefined;
  let fortran: boolean | undefined;
  let shape: number[] | undefined;
  expect('{');
  while (tokens[at] !== '}') {
    const key = next().slice(1, -1);
    expect(':');
    if (key === 'descr' && dtype === undefined) dtype = elementType(next(), where);
    else if (key === 'fortran_order' && fortran === undefined) fortran = next() === 'True';
    else if (key === 'shape' && shape === undefined) {
      shape = [];
      expect('(');
      while (tokens[at] !== ')') {
        shape.push(dimension(next(), where));
        if (tokens[at] !== ')') expect(',');
      }
      expect(')');
    } else throw corrupt(where, 'its header has an unknown or repeated key');
    if (tokens[at] !== '}') expect(',');
  }
  expect('}');
  if (at !== tokens.length || dtype === undefined || fortran === undefined || shape === undefined)
    throw corrupt(where, 'its header is not complete');
  if (fortran && shape.length > 1)
    throw new ServiceError('unsupported_dtype', `${where} is in Fortran order, which is not supported.`, {
      hint: 'Save numpy.ascontiguousarray(array).',
    });
  checkShape(shape, where);
  return { dtype, shape };
}

function tokenize(text: string, where: string): string[] {
  const tokens: string[] = [];
  const trimmed = text.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < trimmed.length) {
    const match = TOKEN.exec(trimmed);
    if (!match) throw corrupt(where, 'its header is not a plain dictionary');
    tokens.push(match[1] ?? match[2] ?? match[3] ?? match[4] ?? '');
  }
  return tokens;
}

function elementType(token: string, where: string): ElementType {
  const descr = /^['"](.*)['"]$/.exec(token)?.[1];
  if (descr === undefined)
    throw new ServiceError('unsupported_dtype', `${where} holds records; an array must hold plain numbers.`);
  const [, order = '', kind = ''] = /^([<>=|]?)(.*)$/.exec(descr) ?? [];
  if (kind.startsWith('O'))
    throw new ServiceError(
      'unsafe_dataset',
      `${where} holds pickled Python objects, which would have to be executed to be read.`,
      { hint: 'Save numbers: numpy.asarray(list, dtype=numpy.float32); pad ragged lists to one length.' },
    );
  const dtype = Object.hasOwn(DTYPES, kind) ? DTYPES[kind] : undefined;
  if (dtype === undefined)
    throw new ServiceError(
      'unsupported_dtype',
      `${where} has the element type ${JSON.stringify(descr.slice(0, 40))}.`,
      {
        hint: `Supported: ${Object.values(DTYPES).join(', ')}.`,
      },
    );
  if (order === '>' && !kind.endsWith('1'))
    throw new ServiceError('unsupported_dtype', `${where} is big-endian, which is not supported.`, {
      hint: "Save array.astype(array.dtype.newbyteorder('<')).",
    });
  return dtype;
}

function dimension(token: string, where: string): number {
  const size = Number(token);
  if (!/^\d+$/.test(token) || !Number.isSafeInteger(size))
    throw corrupt(where, 'its shape is not made of whole numbers');
  return size;
}

function checkShape(shape: readonly number[], where: string): void {
  if (shape.length > MAX_RANK)
    throw new ServiceError('dataset_limit_exceeded', `${where} has rank ${shape.length}; the limit is ${MAX_RANK}.`);
  const product = shape.reduce((elements, size) => elements * Math.max(size, 1), 1);
  if (product > MAX_ELEMENTS / 8)
    throw new ServiceError('dataset_limit_exceeded', `${where} has the impossible shape [${shape.join(', ')}].`);
}
