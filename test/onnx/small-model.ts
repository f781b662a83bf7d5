import type { ElementType } from '../../src/contracts/signature.js';
import type { Graph, Model, Node } from '../../src/onnx/ir/graph.js';
import { elementCount, floats, type Tensor } from '../../src/onnx/ir/tensor.js';

export interface SmallModel {
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly outputs: readonly string[];
  readonly constants: Readonly<Record<string, Tensor>>;
  readonly nodes: readonly Node[];
  readonly opset?: number;
}

/** A float32 model with its inputs' ranks recorded, their sizes open, and nothing said of its values. */
export function smallModel({ inputs, outputs, constants, nodes, opset = 13 }: SmallModel): Model {
  const dtype: ElementType = 'float32';
  const graph: Graph = {
    name: 'small',
    nodes: [...nodes],
    inputs: Object.entries(inputs).map(([name, dims]) => ({
      name,
      type: { kind: 'tensor', dtype, shape: dims.map((_, axis) => `${name}_${axis}`) },
    })),
    outputs: outputs.map((name) => ({ name, type: null })),
    initializers: new Map(Object.entries(constants)),
    values: new Map(),
  };
  return { irVersion: 8, producer: 'test', opsets: new Map([['', opset]]), graph, functions: [], metadata: new Map() };
}

/** Random float tensors: uniform in [low, high). */
export const randomTensors =
  (random: () => number) =>
  (dims: readonly number[], low = -1, high = 1): Tensor =>
    floats(
      Array.from({ length: elementCount(dims) }, () => low + (high - low) * random()),
      dims,
    );
