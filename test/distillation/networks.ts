import { TRAINING_OPSET } from '../../src/distillation/program.js';
import { type Graph, type Model, type Node, node } from '../../src/onnx/ir/graph.js';
import type { Tensor } from '../../src/onnx/ir/tensor.js';

/** A model of input x and output y. */
export function network(
  nodes: readonly Node[],
  initializers: Readonly<Record<string, Tensor>>,
  x: readonly (number | string)[],
  y: readonly (number | string)[] | null = null,
): Model {
  const graph: Graph = {
    name: 'student',
    nodes: [...nodes],
    inputs: [{ name: 'x', type: { kind: 'tensor', dtype: 'float32', shape: [...x] } }],
    outputs: [{ name: 'y', type: y && { kind: 'tensor', dtype: 'float32', shape: [...y] } }],
    initializers: new Map(Object.entries(initializers)),
    values: new Map(),
  };
  const opsets = new Map([['', TRAINING_OPSET]]);
  return { irVersion: 8, producer: 'test', opsets, graph, functions: [], metadata: new Map() };
}

/** y = x + w. */
export const parameterModel = (w: Tensor): Model => network([node('Add', ['x', 'w'], ['y'])], { w }, w.dims);
