import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FunctionProtoSchema, type ModelProto, ModelProtoSchema } from 'onnx-buf';
import { ServiceError } from '../../platform/errors.js';
import { canonicalDomain } from '../ir/domain.js';
import type { Model } from '../ir/graph.js';
import { type ReadExternal, readFromMemory } from './external-data.js';
import { readGraph } from './read-graph.js';

function parse(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes as Uint8Array<ArrayBuffer>);
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new ServiceError('truncated_model', `the ONNX file ends too early, after ${bytes.byteLength} bytes`, {
        cause,
      });
    }
    if (cause instanceof Error && cause.message.includes('recursion')) {
      throw new ServiceError('invalid_model', 'graphs are nested too deeply in the model', { cause });
    }
    throw new ServiceError('not_onnx', 'the file cannot be read as an ONNX model', { cause });
  }
}

/** A model from its bytes and a way to read external data; `decodeModel` and `readModel` are the doors for others. */
export function decodeModelWith(bytes: Uint8Array, external: ReadExternal): Model {
  const proto = parse(bytes);
  if (!proto.graph || proto.opsetImport.length === 0) {
    throw new ServiceError('not_onnx', 'the file holds no graph with an operator set, so it is not an ONNX model');
  }
  return {
    irVersion: Number(proto.irVersion),
    producer: proto.producerName,
    opsets: new Map(proto.opsetImport.map(({ domain, version }) => [canonicalDomain(domain), Number(version)])),
    graph: readGraph(proto.graph, external),
    functions: proto.functions.map((local) => ({
      domain: canonicalDomain(local.domain),
      name: local.name,
      encoded: toBinary(FunctionProtoSchema, local),
    })),
    metadata: new Map(proto.metadataProps.map(({ key, value }) => [key, value])),
  };
}

/**
 * Reads an ONNX model. Constants are views of `bytes` where the file holds raw data: do not change `bytes` afterwards.
 * @param external content of external data files, by the location that the model names
 * @throws ServiceError not_onnx, truncated_model, invalid_model, unsupported_dtype, missing_external_data
 */
export function decodeModel(bytes: Uint8Array, external: ReadonlyMap<string, Uint8Array> = new Map()): Model {
  return decodeModelWith(bytes, readFromMemory(external));
}
