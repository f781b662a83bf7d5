import type { Attribute, Graph, Model, Node } from './graph.js';

function cloneAttribute(attribute: Attribute): Attribute {
  if (attribute.kind === 'graph') return { kind: 'graph', value: cloneGraph(attribute.value) };
  if (attribute.kind === 'graphs') return { kind: 'graphs', value: attribute.value.map(cloneGraph) };
  return attribute;
}

function cloneNode(node: Node): Node {
  if (![...node.attributes.values()].some(({ kind }) => kind === 'graph' || kind === 'graphs')) return node;
  const attributes = new Map([...node.attributes].map(([name, attribute]) => [name, cloneAttribute(attribute)]));
  return Object.freeze({ ...node, attributes });
}

/** A graph that can be edited without changing the original; nodes and tensors, which are values, are shared. */
export function cloneGraph(graph: Graph): Graph {
  return {
    name: graph.name,
    nodes: graph.nodes.map(cloneNode),
    inputs: [...graph.inputs],
    outputs: [...graph.outputs],
    initializers: new Map(graph.initializers),
    values: new Map(graph.values),
  };
}

/** A model that can be edited without changing the original. */
export const cloneModel = (model: Model): Model => ({
  ...model,
  opsets: new Map(model.opsets),
  graph: cloneGraph(model.graph),
  functions: [...model.functions],
  metadata: new Map(model.metadata),
});
