import type { Graph, Node } from '../ir/graph.js';
import { floats, type Tensor } from '../ir/tensor.js';
import type { Pass } from './pass.js';

const int64Tensor = (values: readonly bigint[], dims: readonly number[]): Tensor => ({
  dtype: 'int64',
  dims,
  bytes: new Uint8Array(BigInt64Array.from(values).buffer),
});

/** The value of a Constant node, whichever of its attributes holds it; undefined for sparse ones. */
function constantValue(node: Node): Tensor | undefined {
  for (const [name, attribute] of node.attributes) {
    if (name === 'value' && attribute.kind === 'tensor') return attribute.value;
    if (name === 'value_float' && attribute.kind === 'float') return floats([attribute.value], []);
    if (name === 'value_floats' && attribute.kind === 'floats') return floats(attribute.value);
    if (name === 'value_int' && attribute.kind === 'int') return int64Tensor([attribute.value], []);
    if (name === 'value_ints' && attribute.kind === 'ints')
      return int64Tensor(attribute.value, [attribute.value.length]);
    const strings =
      name === 'value_string' && attribute.kind === 'string'
        ? { dims: [], strings: [attribute.value] }
        : name === 'value_strings' && attribute.kind === 'strings'
          ? { dims: [attribute.value.length], strings: attribute.value }
          : undefined;
    if (strings) return { dtype: 'string', bytes: new Uint8Array(0), ...strings };
  }
  return undefined;
}

/** Constant nodes become initializers of the graph that they stand in. */
export const constantNodes: Pass = {
  name: 'constant_nodes',
  run(graph: Graph): number {
    const before = graph.nodes.length;
    graph.nodes = graph.nodes.filter((node) => {
      const value = node.opType === 'Constant' && node.domain === '' ? constantValue(node) : undefined;
      const [output] = node.outputs;
      if (!value || output === undefined) return true;
      graph.initializers.set(output, value);
      return false;
    });
    return before - graph.nodes.length;
  },
};
