import type { Dimension, ElementType } from '../../src/contracts/signature.js';
import type { Model, Node, Value } from '../../src/onnx/ir/graph.js';
import type { Tensor } from '../../src/onnx/ir/tensor.js';

type Signature = Readonly<Record<string, readonly [dtype: ElementType, shape: readonly Dimension[] | null]>>;

const values = (signature: Signature): Value[] =>
  Object.entries(signature).map(([name, [dtype, shape]]) => ({ name, type: { kind: 'tensor', dtype, shape } }));

/** A model of a few nodes, in opset 17 of the standard domain. */
export const smallModel = (graph: {
  readonly nodes: readonly Node[];
  readonly inputs: Signature;
  readonly outputs: Signature;
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly domains?: readonly string[];
}): Model => ({
  irVersion: 8,
  producer: '',
  opsets: new Map([['', 17], ...(graph.domains ?? []).map((domain) => [domain, 1] as const)]),
  graph: {
    name: 'small',
    nodes: [...graph.nodes],
    inputs: values(graph.inputs),
    outputs: values(graph.outputs),
    initializers: new Map(Object.entries(graph.constants ?? {})),
    values: new Map(),
  },
  functions: [],
  metadata: new Map(),
});
