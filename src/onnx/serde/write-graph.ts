import { create } from '@bufbuild/protobuf';
import { type GraphProto, GraphProtoSchema, type NodeProto, NodeProtoSchema } from 'onnx-buf';
import type { Graph, Node } from '../ir/graph.js';
import { writeAttribute } from './write-attribute.js';
import { writeTensor } from './write-tensor.js';
import { writeValue } from './write-type.js';

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

function writeNode(node: Node): NodeProto {
  return create(NodeProtoSchema, {
    input: [...node.inputs],
    output: [...node.outputs],
    opType: node.opType,
    ...(node.name === '' ? {} : { name: node.name }),
    ...(node.domain === '' ? {} : { domain: node.domain }),
    ...(node.overload === undefined ? {} : { overload: node.overload }),
    attribute: [...node.attributes].sort(byKey).map(([name, attribute]) => writeAttribute(name, attribute, writeGraph)),
  });
}

/** All of a graph but its constants, which the main graph streams behind it. */
export function writeGraphWithoutConstants(graph: Graph): GraphProto {
  return create(GraphProtoSchema, {
    name: graph.name,
    node: graph.nodes.map(writeNode),
    input: graph.inputs.map(writeValue),
    output: graph.outputs.map(writeValue),
    valueInfo: [...graph.values].map(([name, type]) => writeValue({ name, type })),
  });
}

function writeGraph(graph: Graph): GraphProto {
  const proto = writeGraphWithoutConstants(graph);
  proto.initializer = [...graph.initializers].map(([name, tensor]) => writeTensor(name, tensor));
  return proto;
}
