import { cloneModel } from '../onnx/ir/clone.js';
import type { Graph, Model } from '../onnx/ir/graph.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import { deadCode } from '../onnx/passes/dead-code.js';

/** Values that are computed from sizes and constants alone, not from what is fed. */
export function shapeArithmetic(graph: Graph): string[] {
  const known = new Set(graph.initializers.keys());
  const found: string[] = [];
  for (const { opType, domain, inputs, outputs } of graph.nodes) {
    const sizes = domain === '' && (opType === 'Shape' || opType === 'Size');
    if (!sizes && !inputs.every((input) => input === '' || known.has(input))) continue;
    for (const output of outputs.filter((name) => name !== '')) {
      known.add(output);
      found.push(output);
    }
  }
  return found;
}

/** The model with these values as constants, and without what only served to compute them. */
export function withConstants(model: Model, values: ReadonlyMap<string, Tensor>): Model {
  const result = cloneModel(model);
  const { graph } = result;
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const settled = (name: string) => name === '' || (values.has(name) && !outputs.has(name));
  graph.nodes = graph.nodes.filter(({ outputs: made }) => !made.every(settled));
  for (const [name, tensor] of values) if (!outputs.has(name)) graph.initializers.set(name, tensor);
  deadCode.run(graph);
  return result;
}
