import type { GraphProto, NodeProto } from 'onnx-buf';
import { canonicalDomain } from '../ir/domain.js';
import type { Graph, Node } from '../ir/graph.js';
import type { ReadExternal } from './external-data.js';
import { readAttribute } from './read-attribute.js';
import { readSparseTensor } from './read-sparse-tensor.js';
import { readTensor } from './read-tensor.js';
import { readValue } from './read-type.js';
import { inTopologicalOrder } from './topological-order.js';

function readNode(proto: NodeProto, external: ReadExternal): Node {
  const readers = {
    tensor: (tensor: Parameters<typeof readTensor>[0]) => readTensor(tensor, external),
    graph: (graph: GraphProto) => readGraph(graph, external),
  };
  return Object.freeze({
    name: proto.name,
    opType: proto.opType,
    domain: canonicalDomain(proto.domain),
    ...(proto.overload === '' ? {} : { overload: proto.overload }),
    inputs: proto.input,
    outputs: proto.output,
    attributes: new Map(proto.attribute.map((attribute) => [attribute.name, readAttribute(attribute, readers)])),
  });
}

/** A graph or subgraph; sparse constants become dense, texts for people (doc strings) are left behind. */
export function readGraph(proto: GraphProto, external: ReadExternal): Graph {
  const initializers = new Map(proto.initializer.map((tensor) => [tensor.name, readTensor(tensor, external)]));
  for (const sparse of proto.sparseInitializer) {
    const { name, tensor } = readSparseTensor(sparse, external);
    initializers.set(name, tensor);
  }
  const values = proto.valueInfo.map(readValue).flatMap(({ name, type }) => (type ? [[name, type] as const] : []));
  return {
    name: proto.name,
    nodes: inTopologicalOrder(proto.node.map((node) => readNode(node, external))),
    inputs: proto.input.map(readValue),
    outputs: proto.output.map(readValue),
    initializers,
    values: new Map(values),
  };
}
