import type { ElementType } from '../../contracts/signature.js';
import { ServiceError } from '../../platform/errors.js';
import type { Attribute, Node } from '../ir/graph.js';
import type { Tensor } from '../ir/tensor.js';

/** What an adapter may ask about the graph that its node stands in, and the constants that it may add. */
export interface AdapterContext {
  /** The constant behind a value, in this graph or an outer one. */
  constant(value: string): Tensor | undefined;
  /** Number of dimensions, when the model records it. */
  rank(value: string): number | undefined;
  /** Element type, when the model records it. */
  dtype(value: string): ElementType | undefined;
  /** Whether anybody reads the value. */
  used(value: string): boolean;
  addConstant(hint: string, tensor: Tensor): string;
  freshName(hint: string): string;
}

/** Rewrites a node of the version before as nodes of its version that compute the same. @throws ServiceError unsupported_opset */
export type Adapter = (node: Node, context: AdapterContext) => Node[];

/** The node without these attributes, with these inputs behind its own. */
export function moved(node: Node, attributes: readonly string[], inputs: readonly string[] = []): Node {
  const kept = new Map([...node.attributes].filter(([name]) => !attributes.includes(name)));
  const all = [...node.inputs, ...inputs];
  while (all.at(-1) === '') all.pop();
  return Object.freeze({ ...node, inputs: all, attributes: kept });
}

/** The node with one attribute set. */
export function withAttribute(node: Node, name: string, value: Attribute): Node {
  return Object.freeze({ ...node, attributes: new Map([...node.attributes, [name, value]]) });
}

export function refused(node: Node, reason: string): ServiceError {
  return new ServiceError('unsupported_opset', `the node ${JSON.stringify(node.name)} (${node.opType}) ${reason}`, {
    node: { name: node.name, op_type: node.opType },
    hint: 'Export the model with operator set 13 or later.',
  });
}
