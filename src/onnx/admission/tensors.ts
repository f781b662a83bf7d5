import type { ElementType } from '../../contracts/signature.js';
import { ServiceError } from '../../platform/errors.js';
import { BITS, byteLength } from '../ir/tensor.js';
import { scanExternalData } from './external-data.js';
import { MAX_DIMENSION, MAX_ELEMENTS, MAX_NAME_BYTES, MAX_RANK } from './limits.js';
import { SPARSE_TENSOR, TENSOR } from './messages.js';
import { invalid, limitExceeded, quote } from './refusal.js';
import type { ScanState } from './scan-state.js';
import { walk } from './walk.js';
import type { Cursor } from './wire.js';

const DATA_FIELDS = ['float_data', 'int32_data', 'string_data', 'int64_data', 'double_data', 'uint64_data'] as const;
type DataField = (typeof DATA_FIELDS)[number];

/** TensorProto.DataType: the type's name, the typed field that may hold it, and how many numbers of that field one element takes. */
const DATA_TYPES: readonly (readonly [ElementType, DataField, number] | null)[] = [
  null,
  ['float32', 'float_data', 1],
  ['uint8', 'int32_data', 1],
  ['int8', 'int32_data', 1],
  ['uint16', 'int32_data', 1],
  ['int16', 'int32_data', 1],
  ['int32', 'int32_data', 1],
  ['int64', 'int64_data', 1],
  ['string', 'string_data', 1],
  ['bool', 'int32_data', 1],
  ['float16', 'int32_data', 1],
  ['float64', 'double_data', 1],
  ['uint32', 'uint64_data', 1],
  ['uint64', 'uint64_data', 1],
  ['complex64', 'float_data', 2],
  ['complex128', 'double_data', 2],
  ['bfloat16', 'int32_data', 1],
  ['float8e4m3fn', 'int32_data', 1],
  ['float8e4m3fnuz', 'int32_data', 1],
  ['float8e5m2', 'int32_data', 1],
  ['float8e5m2fnuz', 'int32_data', 1],
  ['uint4', 'int32_data', 0.5],
  ['int4', 'int32_data', 0.5],
  ['float4e2m1', 'int32_data', 0.5],
];

/** The type of a tensor by its number; null for "undefined". @throws ServiceError unsupported_dtype for any other number. */
export function elementType(code: bigint, where: string): ElementType | null {
  if (code === 0n) return null;
  const found = code > 0n && code < BigInt(DATA_TYPES.length) ? DATA_TYPES[Number(code)] : undefined;
  if (!found)
    throw new ServiceError('unsupported_dtype', `${where} has element type number ${code}, which is not supported.`);
  return found[0];
}

/** Elements of a shape whose every size is checked. A zero does not hide the product of the other sizes. */
function checkedElements(dims: readonly bigint[], where: string): number {
  let product = 1;
  for (const dim of dims) {
    if (dim < 0n) throw invalid(`${where} has the negative dimension ${dim}.`);
    if (dim > BigInt(MAX_DIMENSION)) throw limitExceeded(where, 'a dimension of', dim, MAX_DIMENSION);
    product *= Math.max(Number(dim), 1);
    if (product > MAX_ELEMENTS) throw limitExceeded(where, 'a number of elements of', product, MAX_ELEMENTS);
  }
  return dims.includes(0n) ? 0 : product;
}

export interface ScannedTensor {
  readonly name: string;
  readonly dtype: ElementType;
  readonly elements: number;
  readonly bytes: number;
}

/**
 * Checks one TensorProto without reading its data: the bytes or numbers that it holds are exactly those that its type and shape need, so the sum
 * of all declared sizes cannot exceed the file (CWE-131, CWE-125; CVE-2024-27319).
 */
export function scanTensor(cursor: Cursor, context: string, state: ScanState): ScannedTensor {
  const dims: bigint[] = [];
  let type = 0n;
  let name = '';
  let raw: number | null = null;
  let location = 0n;
  let segmented = false;
  const external: Cursor[] = [];
  const counts: Record<DataField, number> = {
    float_data: 0,
    int32_data: 0,
    string_data: 0,
    int64_data: 0,
    double_data: 0,
    uint64_data: 0,
  };
  const addTo = (field: DataField) => (count: number) => {
    counts[field] += count;
  };
  walk(cursor, TENSOR, {
    ints: {
      dims: (dim) => {
        dims.push(dim);
        if (dims.length > MAX_RANK) throw limitExceeded(context, 'a rank above', dims.length, MAX_RANK);
      },
      data_type: (code) => {
        type = code;
      },
      data_location: (code) => {
        location = code;
      },
    },
    bytes: {
      name: (payload) => {
        name = payload.text(MAX_NAME_BYTES);
      },
      raw_data: (payload) => {
        raw = payload.length;
      },
      segment: () => {
        segmented = true;
      },
      external_data: (payload) => external.push(payload),
      string_data: () => addTo('string_data')(1),
    },
    counts: Object.fromEntries(DATA_FIELDS.map((field) => [field, addTo(field)])),
  });
  const where = name === '' ? context : `${context} ${quote(name)}`;
  const dtype = elementType(type, where);
  if (dtype === null) throw invalid(`${where} has no element type.`);
  if (segmented) throw invalid(`${where} is stored in segments, which no runtime reads.`);
  const elements = checkedElements(dims, where);
  const bytes = byteLength(dtype, dims.map(Number));
  const typed = DATA_FIELDS.filter((field) => counts[field] > 0);
  if (location !== 0n || external.length > 0) {
    if (location !== 1n || raw !== null || typed.length > 0)
      throw invalid(`${where} mixes external data with data inside the model.`);
    if (dtype === 'string') throw invalid(`${where} holds strings, which cannot be external data.`);
    scanExternalData(external, bytes, where, state);
  } else {
    checkStored(where, Number(type), elements, bytes, raw, typed, counts);
  }
  return { name, dtype, elements, bytes };
}

function checkStored(
  where: string,
  type: number,
  elements: number,
  bytes: number,
  raw: number | null,
  typed: readonly DataField[],
  counts: Readonly<Record<DataField, number>>,
): void {
  const [dtype, field, perElement] = DATA_TYPES[type] ?? ['float32', 'float_data', 1];
  if (raw !== null && BITS[dtype] > 0 && typed.length === 0) {
    if (raw !== bytes) throw invalid(`${where}: its type ${dtype} and its shape need ${bytes} bytes, it holds ${raw}.`);
    return;
  }
  const stray = typed.find((name) => name !== field);
  if (stray !== undefined || (raw !== null && raw > 0))
    throw invalid(`${where} of type ${dtype} keeps data in ${stray ?? 'raw_data'}, beside or instead of ${field}.`);
  const needed = Math.ceil(elements * perElement);
  if (counts[field] !== needed)
    throw invalid(
      `${where}: its type ${dtype} and its shape need ${needed} numbers in ${field}, it holds ${counts[field]}.`,
    );
}

/**
 * A sparse tensor under the name of its values: readers make it dense, so its dense size counts, and the sum of those is bounded (CWE-409).
 */
export function scanSparseTensor(cursor: Cursor, context: string, state: ScanState): ScannedTensor {
  const dims: bigint[] = [];
  let values: ScannedTensor | undefined;
  let indices: ScannedTensor | undefined;
  walk(cursor, SPARSE_TENSOR, {
    ints: {
      dims: (dim) => {
        dims.push(dim);
        if (dims.length > MAX_RANK) throw limitExceeded(context, 'a rank above', dims.length, MAX_RANK);
      },
    },
    bytes: {
      values: (payload) => {
        values = scanTensor(payload, context, state);
      },
      indices: (payload) => {
        indices = scanTensor(payload, context, state);
      },
    },
  });
  if (!values || indices?.dtype !== 'int64') throw invalid(`${context} lacks its values or its int64 indices.`);
  const { name, dtype } = values;
  const elements = checkedElements(dims, context);
  const bytes = byteLength(dtype, dims.map(Number));
  state.count('dense_bytes_of_sparse_tensors', bytes);
  return { name, dtype, elements, bytes };
}
