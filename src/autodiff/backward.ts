import type { Graph, Node } from '../onnx/ir/graph.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import { ServiceError } from '../platform/errors.js';
import { blockConvolutions } from './blocked-convolution.js';
import { dependents } from './dependents.js';
import { ruleFor } from './differentiable.js';
import { Emitter, type KnownValue } from './emitter.js';
import type { RuleCall } from './rule.js';

export interface BackwardOptions {
  /** Type and shape of every value of the graph, inputs included. */
  readonly values: ReadonlyMap<string, KnownValue>;
  /** Where the walk starts: the gradient value (already in the graph) by each output value. */
  readonly seeds: ReadonlyMap<string, string>;
  /** Values whose gradients are wanted: inputs, or weights, which are constants of the graph yet and will be inputs. */
  readonly wanted: readonly string[];
  /** Channels per block of the CPU's convolution kernels; 1, the default, keeps to standard operators. */
  readonly block?: number;
}

/**
 * Reverse-mode differentiation: walks the nodes from the last to the first, applies each operator's rule, and adds up the
 * gradients of a value that is read more than once. Appends the gradient nodes to the graph. Beyond standard operators they may use those of
 * com.microsoft, and of BLOCKED_OPERATORS with blocks.
 * @returns the gradient value by each wanted value; a wanted value on which no seed depends is absent.
 * @throws ServiceError unsupported_operator naming the first node that has no rule.
 */
export function backward(graph: Graph, options: BackwardOptions): Map<string, string> {
  const emit = new Emitter(options.values, graph.initializers);
  const { nodes, initializers: constants } = graph;
  const result = walk({ nodes, constants, emit, seeds: options.seeds, wanted: options.wanted });
  graph.nodes = blockConvolutions([...graph.nodes, ...emit.nodes], emit, options.block ?? 1, new Set(options.wanted));
  for (const [name, constant] of emit.constants) graph.initializers.set(name, constant);
  return result;
}

/** Emits the gradients through some nodes, from the last to the first. */
function walk(task: {
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly emit: Emitter;
  readonly seeds: ReadonlyMap<string, string>;
  readonly wanted: readonly string[];
}): Map<string, string> {
  const { nodes, constants, emit, wanted } = task;
  const live = dependents(nodes, wanted);
  const contributions = new Map<string, string[]>([...task.seeds].map(([value, seed]) => [value, [seed]]));
  const gradientOf = (value: string): string | undefined => {
    const terms = contributions.get(value);
    if (!terms || terms.length === 0) return undefined;
    const total = terms.length === 1 ? terms[0] : emit.op('Sum', terms);
    contributions.set(value, [total ?? '']);
    return total;
  };
  const through: RuleCall['through'] = (inner, seeds, inputs) =>
    walk({ nodes: inner, constants: emit.constants, emit, seeds, wanted: inputs });

  for (const node of [...nodes].reverse()) {
    if (!node.inputs.some((input) => live.has(input))) continue;
    const gradients = node.outputs.map((output) => (output === '' ? undefined : gradientOf(output)));
    const gradient = gradients.find((found) => found !== undefined);
    if (gradient === undefined) continue;
    const needs = (index: number) => live.has(node.inputs[index] ?? '');
    requireRule(
      node,
      constants,
    )({ node, gradient, gradients, emit, needs, through }).forEach((term, index) => {
      const input = node.inputs[index] ?? '';
      if (term === undefined || !needs(index)) return;
      const terms = contributions.get(input);
      if (terms) terms.push(term);
      else contributions.set(input, [term]);
    });
  }
  const result = new Map<string, string>();
  for (const value of wanted) {
    const gradient = gradientOf(value);
    if (gradient !== undefined) result.set(value, gradient);
  }
  return result;
}

/** @throws ServiceError unsupported_operator naming the node */
function requireRule(node: Node, constants: ReadonlyMap<string, Tensor>) {
  const found = ruleFor(node, constants);
  if ('rule' in found) return found.rule;
  throw new ServiceError('unsupported_operator', `${found.refused} Nothing before the node can be trained.`, {
    node: { name: node.name, op_type: node.opType },
    hint: 'Freeze the weights before this node, or give a student without it.',
  });
}
