import { BYTES, type Cursor, FIXED32, FIXED64, VARINT, WireError } from './wire.js';

/**
 * The messages of onnx.proto (ONNX 1.23), as far as the scan looks into them. A field is read by its kind: `int` a varint; `bytes` a text,
 * bytes or message; `float` and `double` are passed over; the `count…` kinds are lists of numbers of which only the count is told. `many`
 * marks repeated fields: any other field that stands twice is refused, because readers disagree on which one counts.
 */
type Kind = 'int' | 'bytes' | 'float' | 'countVarint' | 'count32' | 'count64';
interface Field {
  readonly name: string;
  readonly kind: Kind;
  readonly many: boolean;
}
const one = (name: string, kind: Kind): Field => ({ name, kind, many: false });
const many = (name: string, kind: Kind): Field => ({ name, kind, many: true });
export interface Message {
  readonly name: string;
  readonly fields: Readonly<Record<number, Field>>;
}
const message = (name: string, fields: Readonly<Record<number, Field>>): Message => ({ name, fields });

export const MODEL = message('ModelProto', {
  1: one('ir_version', 'int'),
  2: one('producer_name', 'bytes'),
  3: one('producer_version', 'bytes'),
  4: one('domain', 'bytes'),
  5: one('model_version', 'int'),
  6: one('doc_string', 'bytes'),
  7: one('graph', 'bytes'),
  8: many('opset_import', 'bytes'),
  14: many('metadata_props', 'bytes'),
  20: many('training_info', 'bytes'),
  25: many('functions', 'bytes'),
  26: many('configuration', 'bytes'),
});
export const OPSET = message('OperatorSetIdProto', { 1: one('domain', 'bytes'), 2: one('version', 'int') });
export const PAIR = message('StringStringEntryProto', { 1: one('key', 'bytes'), 2: one('value', 'bytes') });
export const GRAPH = message('GraphProto', {
  1: many('node', 'bytes'),
  2: one('name', 'bytes'),
  5: many('initializer', 'bytes'),
  10: one('doc_string', 'bytes'),
  11: many('input', 'bytes'),
  12: many('output', 'bytes'),
  13: many('value_info', 'bytes'),
  14: many('quantization_annotation', 'bytes'),
  15: many('sparse_initializer', 'bytes'),
  16: many('metadata_props', 'bytes'),
});
export const FUNCTION = message('FunctionProto', {
  1: one('name', 'bytes'),
  4: many('input', 'bytes'),
  5: many('output', 'bytes'),
  6: many('attribute', 'bytes'),
  7: many('node', 'bytes'),
  8: one('doc_string', 'bytes'),
  9: many('opset_import', 'bytes'),
  10: one('domain', 'bytes'),
  11: many('attribute_proto', 'bytes'),
  12: many('value_info', 'bytes'),
  13: one('overload', 'bytes'),
  14: many('metadata_props', 'bytes'),
});
export const NODE = message('NodeProto', {
  1: many('input', 'bytes'),
  2: many('output', 'bytes'),
  3: one('name', 'bytes'),
  4: one('op_type', 'bytes'),
  5: many('attribute', 'bytes'),
  6: one('doc_string', 'bytes'),
  7: one('domain', 'bytes'),
  8: one('overload', 'bytes'),
  9: many('metadata_props', 'bytes'),
  10: many('device_configurations', 'bytes'),
});
export const ATTRIBUTE = message('AttributeProto', {
  1: one('name', 'bytes'),
  2: one('f', 'float'),
  3: one('i', 'int'),
  4: one('s', 'bytes'),
  5: one('t', 'bytes'),
  6: one('g', 'bytes'),
  7: many('floats', 'count32'),
  8: many('ints', 'countVarint'),
  9: many('strings', 'bytes'),
  10: many('tensors', 'bytes'),
  11: many('graphs', 'bytes'),
  13: one('doc_string', 'bytes'),
  14: one('tp', 'bytes'),
  15: many('type_protos', 'bytes'),
  20: one('type', 'int'),
  21: one('ref_attr_name', 'bytes'),
  22: one('sparse_tensor', 'bytes'),
  23: many('sparse_tensors', 'bytes'),
});
export const TENSOR = message('TensorProto', {
  1: many('dims', 'int'),
  2: one('data_type', 'int'),
  3: one('segment', 'bytes'),
  4: many('float_data', 'count32'),
  5: many('int32_data', 'countVarint'),
  6: many('string_data', 'bytes'),
  7: many('int64_data', 'countVarint'),
  8: one('name', 'bytes'),
  9: one('raw_data', 'bytes'),
  10: many('double_data', 'count64'),
  11: many('uint64_data', 'countVarint'),
  12: one('doc_string', 'bytes'),
  13: many('external_data', 'bytes'),
  14: one('data_location', 'int'),
  16: many('metadata_props', 'bytes'),
});
export const SPARSE_TENSOR = message('SparseTensorProto', {
  1: one('values', 'bytes'),
  2: one('indices', 'bytes'),
  3: many('dims', 'int'),
});
export const VALUE_INFO = message('ValueInfoProto', {
  1: one('name', 'bytes'),
  2: one('type', 'bytes'),
  3: one('doc_string', 'bytes'),
  4: many('metadata_props', 'bytes'),
});
export const TYPE = message('TypeProto', {
  1: one('tensor_type', 'bytes'),
  4: one('sequence_type', 'bytes'),
  5: one('map_type', 'bytes'),
  6: one('denotation', 'bytes'),
  7: one('opaque_type', 'bytes'),
  8: one('sparse_tensor_type', 'bytes'),
  9: one('optional_type', 'bytes'),
});
export const TENSOR_TYPE = message('TypeProto.Tensor', { 1: one('elem_type', 'int'), 2: one('shape', 'bytes') });
/** TypeProto.Sequence and TypeProto.Optional. */
export const ELEMENT_OF = message('TypeProto.Sequence', { 1: one('elem_type', 'bytes') });
export const MAP_TYPE = message('TypeProto.Map', { 1: one('key_type', 'int'), 2: one('value_type', 'bytes') });
export const SHAPE = message('TensorShapeProto', { 1: many('dim', 'bytes') });
export const DIMENSION = message('TensorShapeProto.Dimension', {
  1: one('dim_value', 'int'),
  2: one('dim_param', 'bytes'),
  3: one('denotation', 'bytes'),
});

/** What to do with the fields of a message, by name; fields without an entry are passed over. */
export interface Visitors {
  readonly ints?: Readonly<Record<string, (value: bigint) => void>>;
  readonly bytes?: Readonly<Record<string, (payload: Cursor) => void>>;
  readonly counts?: Readonly<Record<string, (count: number) => void>>;
}

const WIRE: Readonly<Record<Kind, number>> = {
  int: VARINT,
  bytes: BYTES,
  float: FIXED32,
  countVarint: VARINT,
  count32: FIXED32,
  count64: FIXED64,
};

/**
 * Walks over the fields of a message in file order. Unknown field numbers are passed over, as every protobuf reader does.
 * @throws WireError for a known field of the wrong wire type, and for a single field that stands twice.
 */
export function walk(cursor: Cursor, type: Message, visit: Visitors): void {
  let seen = 0;
  while (!cursor.done) {
    const at = cursor.position;
    const { field: number, wire } = cursor.tag();
    const field = type.fields[number];
    if (!field) {
      cursor.skip(wire);
      continue;
    }
    const packed = field.many && wire === BYTES && field.kind !== 'bytes';
    if (wire !== WIRE[field.kind] && !packed)
      throw new WireError('malformed', at, `${type.name}.${field.name} at byte ${at} has the wrong wire type`);
    if (!field.many) {
      if (seen & (1 << number))
        throw new WireError('malformed', at, `${type.name}.${field.name} stands twice, again at byte ${at}`);
      seen |= 1 << number;
    }
    if (packed) visitPacked(cursor.payload(), field, visit);
    else visitOne(cursor, field, wire, visit);
  }
}

function visitOne(cursor: Cursor, field: Field, wire: number, visit: Visitors): void {
  const { name, kind } = field;
  if (kind === 'bytes') {
    const payload = cursor.payload();
    visit.bytes?.[name]?.(payload);
  } else if (kind === 'int' && visit.ints?.[name]) {
    visit.ints[name](cursor.signed());
  } else {
    cursor.skip(wire);
    visit.counts?.[name]?.(1);
  }
}

function visitPacked(payload: Cursor, field: Field, visit: Visitors): void {
  const { name, kind } = field;
  if (kind === 'int') {
    const visitor = visit.ints?.[name];
    while (!payload.done) {
      const value = payload.signed();
      visitor?.(value);
    }
    return;
  }
  const count = visit.counts?.[name];
  if (!count) return;
  if (kind === 'countVarint') {
    count(payload.countVarints());
    return;
  }
  const size = kind === 'count32' ? 4 : 8;
  if (payload.length % size !== 0)
    throw new WireError('malformed', payload.position, `${name} at byte ${payload.position} is not whole numbers`);
  count(payload.length / size);
}
