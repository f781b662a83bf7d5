/**
 * The messages of onnx.proto (ONNX 1.23), as far as the scan looks into them. A field is read by its kind: `int` a varint; `bytes` a text,
 * bytes or message; `float` and `double` are passed over; the `count…` kinds are lists of numbers of which only the count is told. `many`
 * marks repeated fields: any other field that stands twice is refused, because readers disagree on which one counts.
 */
export type Kind = 'int' | 'bytes' | 'float' | 'countVarint' | 'count32' | 'count64';
export interface Field {
  readonly name: string;
  readonly kind: Kind;
  readonly many: boolean;
  /** The message that the bytes hold; a function, because messages hold each other. */
  readonly of?: (() => Message) | undefined;
}
const one = (name: string, kind: Kind, of?: () => Message): Field => ({ name, kind, many: false, of });
const many = (name: string, kind: Kind, of?: () => Message): Field => ({ name, kind, many: true, of });
export interface Message {
  readonly name: string;
  readonly fields: Readonly<Record<number, Field>>;
}
const message = (name: string, fields: Readonly<Record<number, Field>>): Message => ({ name, fields });

export const MODEL: Message = message('ModelProto', {
  1: one('ir_version', 'int'),
  2: one('producer_name', 'bytes'),
  3: one('producer_version', 'bytes'),
  4: one('domain', 'bytes'),
  5: one('model_version', 'int'),
  6: one('doc_string', 'bytes'),
  7: one('graph', 'bytes', () => GRAPH),
  8: many('opset_import', 'bytes', () => OPSET),
  14: many('metadata_props', 'bytes', () => PAIR),
  20: many('training_info', 'bytes', () => TRAINING_INFO),
  25: many('functions', 'bytes', () => FUNCTION),
  26: many('configuration', 'bytes', () => DEVICE_CONFIGURATION),
});
export const OPSET: Message = message('OperatorSetIdProto', { 1: one('domain', 'bytes'), 2: one('version', 'int') });
export const PAIR: Message = message('StringStringEntryProto', { 1: one('key', 'bytes'), 2: one('value', 'bytes') });
export const GRAPH: Message = message('GraphProto', {
  1: many('node', 'bytes', () => NODE),
  2: one('name', 'bytes'),
  5: many('initializer', 'bytes', () => TENSOR),
  10: one('doc_string', 'bytes'),
  11: many('input', 'bytes', () => VALUE_INFO),
  12: many('output', 'bytes', () => VALUE_INFO),
  13: many('value_info', 'bytes', () => VALUE_INFO),
  14: many('quantization_annotation', 'bytes', () => TENSOR_ANNOTATION),
  15: many('sparse_initializer', 'bytes', () => SPARSE_TENSOR),
  16: many('metadata_props', 'bytes', () => PAIR),
});
export const FUNCTION: Message = message('FunctionProto', {
  1: one('name', 'bytes'),
  4: many('input', 'bytes'),
  5: many('output', 'bytes'),
  6: many('attribute', 'bytes'),
  7: many('node', 'bytes', () => NODE),
  8: one('doc_string', 'bytes'),
  9: many('opset_import', 'bytes', () => OPSET),
  10: one('domain', 'bytes'),
  11: many('attribute_proto', 'bytes', () => ATTRIBUTE),
  12: many('value_info', 'bytes', () => VALUE_INFO),
  13: one('overload', 'bytes'),
  14: many('metadata_props', 'bytes', () => PAIR),
});
export const NODE: Message = message('NodeProto', {
  1: many('input', 'bytes'),
  2: many('output', 'bytes'),
  3: one('name', 'bytes'),
  4: one('op_type', 'bytes'),
  5: many('attribute', 'bytes', () => ATTRIBUTE),
  6: one('doc_string', 'bytes'),
  7: one('domain', 'bytes'),
  8: one('overload', 'bytes'),
  9: many('metadata_props', 'bytes', () => PAIR),
  10: many('device_configurations', 'bytes', () => NODE_DEVICE_CONFIGURATION),
});
export const ATTRIBUTE: Message = message('AttributeProto', {
  1: one('name', 'bytes'),
  2: one('f', 'float'),
  3: one('i', 'int'),
  4: one('s', 'bytes'),
  5: one('t', 'bytes', () => TENSOR),
  6: one('g', 'bytes', () => GRAPH),
  7: many('floats', 'count32'),
  8: many('ints', 'countVarint'),
  9: many('strings', 'bytes'),
  10: many('tensors', 'bytes', () => TENSOR),
  11: many('graphs', 'bytes', () => GRAPH),
  13: one('doc_string', 'bytes'),
  14: one('tp', 'bytes', () => TYPE),
  15: many('type_protos', 'bytes', () => TYPE),
  20: one('type', 'int'),
  21: one('ref_attr_name', 'bytes'),
  22: one('sparse_tensor', 'bytes', () => SPARSE_TENSOR),
  23: many('sparse_tensors', 'bytes', () => SPARSE_TENSOR),
});
export const TENSOR: Message = message('TensorProto', {
  1: many('dims', 'int'),
  2: one('data_type', 'int'),
  3: one('segment', 'bytes', () => SEGMENT),
  4: many('float_data', 'count32'),
  5: many('int32_data', 'countVarint'),
  6: many('string_data', 'bytes'),
  7: many('int64_data', 'countVarint'),
  8: one('name', 'bytes'),
  9: one('raw_data', 'bytes'),
  10: many('double_data', 'count64'),
  11: many('uint64_data', 'countVarint'),
  12: one('doc_string', 'bytes'),
  13: many('external_data', 'bytes', () => PAIR),
  14: one('data_location', 'int'),
  16: many('metadata_props', 'bytes', () => PAIR),
});
export const SPARSE_TENSOR: Message = message('SparseTensorProto', {
  1: one('values', 'bytes', () => TENSOR),
  2: one('indices', 'bytes', () => TENSOR),
  3: many('dims', 'int'),
});
export const VALUE_INFO: Message = message('ValueInfoProto', {
  1: one('name', 'bytes'),
  2: one('type', 'bytes', () => TYPE),
  3: one('doc_string', 'bytes'),
  4: many('metadata_props', 'bytes', () => PAIR),
});
export const TYPE: Message = message('TypeProto', {
  1: one('tensor_type', 'bytes', () => TENSOR_TYPE),
  4: one('sequence_type', 'bytes', () => ELEMENT_OF),
  5: one('map_type', 'bytes', () => MAP_TYPE),
  6: one('denotation', 'bytes'),
  7: one('opaque_type', 'bytes', () => OPAQUE_TYPE),
  8: one('sparse_tensor_type', 'bytes', () => TENSOR_TYPE),
  9: one('optional_type', 'bytes', () => ELEMENT_OF),
});
export const TENSOR_TYPE: Message = message('TypeProto.Tensor', {
  1: one('elem_type', 'int'),
  2: one('shape', 'bytes', () => SHAPE),
});
/** TypeProto.Sequence and TypeProto.Optional. */
export const ELEMENT_OF: Message = message('TypeProto.Sequence', { 1: one('elem_type', 'bytes', () => TYPE) });
export const MAP_TYPE: Message = message('TypeProto.Map', {
  1: one('key_type', 'int'),
  2: one('value_type', 'bytes', () => TYPE),
});
export const SHAPE: Message = message('TensorShapeProto', { 1: many('dim', 'bytes', () => DIMENSION) });
export const DIMENSION: Message = message('TensorShapeProto.Dimension', {
  1: one('dim_value', 'int'),
  2: one('dim_param', 'bytes'),
  3: one('denotation', 'bytes'),
});

const SEGMENT: Message = message('TensorProto.Segment', { 1: one('begin', 'int'), 2: one('end', 'int') });
const OPAQUE_TYPE: Message = message('TypeProto.Opaque', { 1: one('domain', 'bytes'), 2: one('name', 'bytes') });
const TENSOR_ANNOTATION: Message = message('TensorAnnotation', {
  1: one('tensor_name', 'bytes'),
  2: many('quant_parameter_tensor_names', 'bytes', () => PAIR),
});
const TRAINING_INFO: Message = message('TrainingInfoProto', {
  1: one('initialization', 'bytes', () => GRAPH),
  2: one('algorithm', 'bytes', () => GRAPH),
  3: many('initialization_binding', 'bytes', () => PAIR),
  4: many('update_binding', 'bytes', () => PAIR),
});
const DEVICE_CONFIGURATION: Message = message('DeviceConfigurationProto', {
  1: one('name', 'bytes'),
  2: one('num_devices', 'int'),
  3: many('device', 'bytes'),
});
const NODE_DEVICE_CONFIGURATION: Message = message('NodeDeviceConfigurationProto', {
  1: one('configuration_id', 'bytes'),
  2: many('sharding_spec', 'bytes', () => SHARDING_SPEC),
  3: one('pipeline_stage', 'int'),
});
const SHARDING_SPEC: Message = message('ShardingSpecProto', {
  1: one('tensor_name', 'bytes'),
  2: many('device', 'int'),
  3: many('index_to_device_group_map', 'bytes', () => DEVICE_GROUP),
  4: many('sharded_dim', 'bytes', () => SHARDED_DIM),
});
const DEVICE_GROUP: Message = message('IntIntListEntryProto', { 1: one('key', 'int'), 2: many('value', 'int') });
const SHARDED_DIM: Message = message('ShardedDimProto', {
  1: one('axis', 'int'),
  2: many('simple_sharding', 'bytes', () => SIMPLE_SHARDED_DIM),
});
const SIMPLE_SHARDED_DIM: Message = message('SimpleShardedDimProto', {
  1: one('dim_value', 'int'),
  2: one('dim_param', 'bytes'),
  3: one('num_shards', 'int'),
});
