import type { Dimension, ValueSignature } from '../../contracts/signature.js';
import { MAX_DIMENSION, MAX_NAME_BYTES, MAX_RANK } from './limits.js';
import { DIMENSION, ELEMENT_OF, MAP_TYPE, SHAPE, TENSOR_TYPE, TYPE, VALUE_INFO } from './messages.js';
import { invalid, limitExceeded, quote } from './refusal.js';
import type { ScanState } from './scan-state.js';
import { elementType } from './tensors.js';
import { walk } from './walk.js';
import type { Cursor } from './wire.js';

type TensorSignature = Pick<ValueSignature, 'dtype' | 'shape'>;
const NOT_A_TENSOR: TensorSignature = { dtype: null, shape: null };

/** A value's name, element type and shape. */
export function scanValueInfo(cursor: Cursor, state: ScanState): ValueSignature {
  state.count('value_infos');
  let name = '';
  let type: Cursor | undefined;
  walk(cursor, VALUE_INFO, {
    bytes: {
      name: (payload) => {
        name = state.name(payload);
      },
      type: (payload) => {
        type = payload;
      },
    },
  });
  return { name, ...(type ? scanType(type, `Value ${quote(name)}`) : NOT_A_TENSOR) };
}

/** A type; everything but a tensor (sequence, optional, map, sparse tensor) answers with nulls, after being checked all the same. */
export function scanType(cursor: Cursor, where: string): TensorSignature {
  let found: TensorSignature = NOT_A_TENSOR;
  let kinds = 0;
  const kind = (scan: (payload: Cursor) => TensorSignature) => (payload: Cursor) => {
    if (++kinds > 1) throw invalid(`${where} has two types.`);
    found = scan(payload);
  };
  const container = (payload: Cursor) => {
    walk(payload, ELEMENT_OF, { bytes: { elem_type: (inner) => void scanType(inner, where) } });
    return NOT_A_TENSOR;
  };
  walk(cursor, TYPE, {
    bytes: {
      tensor_type: kind((payload) => scanTensorType(payload, where)),
      sequence_type: kind(container),
      optional_type: kind(container),
      map_type: kind((payload) => {
        walk(payload, MAP_TYPE, { bytes: { value_type: (inner) => void scanType(inner, where) } });
        return NOT_A_TENSOR;
      }),
      sparse_tensor_type: kind((payload) => {
        scanTensorType(payload, where);
        return NOT_A_TENSOR;
      }),
      opaque_type: kind(() => NOT_A_TENSOR),
    },
  });
  return found;
}

function scanTensorType(cursor: Cursor, where: string): TensorSignature {
  let dtype: TensorSignature['dtype'] = null;
  let shape: Dimension[] | null = null;
  walk(cursor, TENSOR_TYPE, {
    ints: {
      elem_type: (code) => {
        dtype = elementType(code, where);
      },
    },
    bytes: {
      shape: (payload) => {
        const dims: Dimension[] = [];
        walk(payload, SHAPE, {
          bytes: {
            dim: (inner) => {
              dims.push(scanDimension(inner, where));
              if (dims.length > MAX_RANK) throw limitExceeded(where, 'a rank above', dims.length, MAX_RANK);
            },
          },
        });
        shape = dims;
      },
    },
  });
  return { dtype, shape };
}

/** Negative sizes stand for "unknown" in files of old converters; ONNX Runtime reads them so too. */
function scanDimension(cursor: Cursor, where: string): Dimension {
  let dimension: Dimension = null;
  let kinds = 0;
  const single = () => {
    if (++kinds > 1) throw invalid(`${where} has a dimension with both a size and a name.`);
  };
  walk(cursor, DIMENSION, {
    ints: {
      dim_value: (value) => {
        single();
        if (value > BigInt(MAX_DIMENSION)) throw limitExceeded(where, 'a dimension of', value, MAX_DIMENSION);
        dimension = value < 0n ? null : Number(value);
      },
    },
    bytes: {
      dim_param: (payload) => {
        single();
        dimension = payload.text(MAX_NAME_BYTES) || null;
      },
    },
  });
  return dimension;
}
