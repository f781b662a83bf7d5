import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { FunctionProtoSchema, GraphProtoSchema, ModelProtoSchema, TensorProtoSchema } from 'onnx-buf';
import { ServiceError } from '../../platform/errors.js';
import type { Model } from '../ir/graph.js';
import type { Tensor } from '../ir/tensor.js';
import { writeGraphWithoutConstants } from './write-graph.js';
import { type Placement, writeExternalTensor, writeTensor, writeTensorHeader } from './write-tensor.js';

/** Protobuf's own limit on one message: parsers count its bytes in a signed 32-bit integer. */
export const MESSAGE_LIMIT = 2 ** 31 - 1;
/** Field numbers of onnx.proto: ModelProto.graph, GraphProto.initializer, TensorProto.raw_data. */
const GRAPH_FIELD = 7;
const INITIALIZER_FIELD = 5;
const RAW_DATA_FIELD = 9;

const size = (chunks: readonly Uint8Array[]): number => chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);

/** A length-delimited field around chunks that are not copied. */
function field(number: number, chunks: readonly Uint8Array[]): Uint8Array[] {
  return [new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(size(chunks)).finish(), ...chunks];
}

/** An initializer as chunks: the message without its data, then the data itself. */
function initializer(name: string, tensor: Tensor, place: Placement | undefined): Uint8Array[] {
  if (place) return field(INITIALIZER_FIELD, [toBinary(TensorProtoSchema, writeExternalTensor(name, tensor, place))]);
  if (tensor.strings) return field(INITIALIZER_FIELD, [toBinary(TensorProtoSchema, writeTensor(name, tensor))]);
  const message = toBinary(TensorProtoSchema, writeTensorHeader(name, tensor));
  return field(INITIALIZER_FIELD, [message, ...field(RAW_DATA_FIELD, [tensor.bytes])]);
}

/**
 * The model's bytes as chunks in order, so that a writer need not hold them twice. Equal models give equal bytes: fields in a fixed
 * order, attributes and metadata by name, data always raw.
 * @param places where each initializer that is external lies; the others are written into the model
 * @throws ServiceError model_limit_exceeded past protobuf's 2 GiB
 */
export function encodeModelChunks(model: Model, places: ReadonlyMap<string, Placement> = new Map()): Uint8Array[] {
  const { graph } = model;
  const head = create(ModelProtoSchema, {
    irVersion: BigInt(model.irVersion),
    opsetImport: [...model.opsets]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([domain, version]) => ({ domain, version: BigInt(version) })),
    ...(model.producer === '' ? {} : { producerName: model.producer }),
    metadataProps: [...model.metadata].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => ({ key, value })),
    functions: model.functions.map(({ encoded }) =>
      fromBinary(FunctionProtoSchema, encoded as Uint8Array<ArrayBuffer>),
    ),
  });
  const constants = [...graph.initializers].flatMap(([name, tensor]) => initializer(name, tensor, places.get(name)));
  const body = [toBinary(GraphProtoSchema, writeGraphWithoutConstants(graph)), ...constants];
  const chunks = [toBinary(ModelProtoSchema, head), ...field(GRAPH_FIELD, body)];
  if (size(chunks) > MESSAGE_LIMIT) {
    throw new ServiceError(
      'model_limit_exceeded',
      `the model would take ${size(chunks)} bytes in one file; 2 GiB is the format's limit`,
    );
  }
  return chunks;
}

/** The model as one ONNX file. @throws ServiceError model_limit_exceeded at 2 GiB: use `writeModel` then */
export const encodeModel = (model: Model): Uint8Array => Buffer.concat(encodeModelChunks(model));
