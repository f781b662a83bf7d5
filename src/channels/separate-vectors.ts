import { GraphEditor } from '../onnx/ir/editor.js';
import type { Graph } from '../onnx/ir/graph.js';
import { elementCount, type Tensor } from '../onnx/ir/tensor.js';

/** One number per channel, or per something: more than one, along a single axis. */
const isVector = ({ dtype, dims }: Tensor) =>
  dtype === 'float32' && elementCount(dims) > 1 && dims.filter((size) => size > 1).length === 1;

/**
 * Gives each node its own copy of vectors that several read, as equal biases are merged to one: layers that share nothing else must
 * not lose the same channels for it. Matrices stay shared, for they are by intention.
 */
export function separateVectors(graph: Graph): void {
  const editor = new GraphEditor(graph);
  const seen = new Set<string>();
  graph.nodes = graph.nodes.map((node) => {
    const inputs = node.inputs.map((input) => {
      const tensor = editor.constant(input);
      if (!tensor || !isVector(tensor)) return input;
      if (seen.has(input)) return editor.addConstant(input, tensor);
      seen.add(input);
      return input;
    });
    return inputs.some((input, i) => input !== node.inputs[i]) ? { ...node, inputs } : node;
  });
}
