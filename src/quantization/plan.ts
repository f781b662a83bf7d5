import type { Graph, Node } from '../onnx/ir/graph.js';

/**
 * How the arithmetic of a node can run in integer.
 * static: calibrated ranges. dynamic: ranges measured on every run. weights8: int8 weights that ONNX Runtime multiplies as they are
 * (MatMulNBits), float activations outside of the kernel. weights4: the same in 4 or 2 bits.
 */
export type IntegerArithmetic = 'static' | 'dynamic' | 'weights8' | 'weights4';

/**
 * What happens to one node: integer arithmetic, or
 * rows: an embedding table in int8, restored after the look-up. stored: runs in float, weights int8 in the file and unfolded at load;
 * stored4, stored16: the same in 4 or fewer bits, and in float16. half: computes in float16. float: untouched.
 */
export type Treatment = IntegerArithmetic | 'rows' | 'stored' | 'stored4' | 'stored16' | 'half' | 'float';

const FLOATING: ReadonlySet<Treatment> = new Set(['rows', 'stored', 'stored4', 'stored16', 'half', 'float']);

export const runsInInteger = ({ treatment }: Decision): boolean => !FLOATING.has(treatment);

export interface Decision {
  readonly node: Node;
  readonly treatment: Treatment;
  /** Why the node does not run in integer; null when it does. */
  readonly reason: string | null;
}

/** The decisions for a graph, and what follows from them for its activations. */
export interface Plan {
  readonly graph: Graph;
  readonly decisions: ReadonlyMap<Node, Decision>;
  /** Nodes whose result is quantized, and the value under which the graph knows it: past an absorbed Relu or Clip. */
  readonly quantizedResults: ReadonlyMap<Node, string>;
  /** Relu and Clip that the quantized range of the value before them already implies. */
  readonly absorbed: ReadonlySet<Node>;
  /** Values that have the scale of another one, because the operator between them only moves integers. */
  readonly sharedScale: ReadonlyMap<string, string>;
}

/** The activation inputs of a static node. */
export function activationInputs(node: Node): readonly string[] {
  return node.opType === 'Add' || node.opType === 'Concat' ? node.inputs : node.inputs.slice(0, 1);
}

/** Every value whose range must be known before the plan can be carried out, in graph order. */
export function calibratedValues(plan: Plan): string[] {
  const values = new Set<string>();
  for (const { node, treatment } of plan.decisions.values()) {
    if (treatment !== 'static') continue;
    for (const value of activationInputs(node)) values.add(plan.sharedScale.get(value) ?? value);
  }
  for (const value of plan.quantizedResults.values()) values.add(plan.sharedScale.get(value) ?? value);
  return [...values];
}
