import { create, fromBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
  AttributeProto_AttributeType as Kind,
} from 'onnx-buf';
import type { Attribute, Graph } from '../ir/graph.js';
import { writeTensor } from './write-tensor.js';

type Bytes = Uint8Array<ArrayBuffer>;

function content(attribute: Exclude<Attribute, { encoded: Uint8Array }>, graph: (graph: Graph) => GraphProto) {
  switch (attribute.kind) {
    case 'float':
      return { type: Kind.FLOAT, f: attribute.value };
    case 'int':
      return { type: Kind.INT, i: attribute.value };
    case 'string':
      return { type: Kind.STRING, s: attribute.value as Bytes };
    case 'tensor':
      return { type: Kind.TENSOR, t: writeTensor('', attribute.value) };
    case 'graph':
      return { type: Kind.GRAPH, g: graph(attribute.value) };
    case 'floats':
      return { type: Kind.FLOATS, floats: [...attribute.value] };
    case 'ints':
      return { type: Kind.INTS, ints: [...attribute.value] };
    case 'strings':
      return { type: Kind.STRINGS, strings: attribute.value.map((text) => text as Bytes) };
    case 'tensors':
      return { type: Kind.TENSORS, tensors: attribute.value.map((tensor) => writeTensor('', tensor)) };
    case 'graphs':
      return { type: Kind.GRAPHS, graphs: attribute.value.map(graph) };
    default:
      return attribute satisfies never;
  }
}

/** The message of an attribute; subgraphs are written by `graph`. */
export function writeAttribute(
  name: string,
  attribute: Attribute,
  graph: (graph: Graph) => GraphProto,
): AttributeProto {
  if (attribute.kind === 'reference' || attribute.kind === 'opaque') {
    return fromBinary(AttributeProtoSchema, attribute.encoded as Bytes);
  }
  return create(AttributeProtoSchema, { name, ...content(attribute, graph) });
}
