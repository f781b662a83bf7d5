import { cloneGraph } from '../onnx/ir/clone.js';
import { type Graph, type Model, node as makeNode, type Node } from '../onnx/ir/graph.js';
import { renameReads } from '../onnx/ir/rename-reads.js';
import { freshNames } from './names.js';
import { latestFirst, onlyFor } from './tapped-values.js';

/** Names of the outputs, both scalars, by which a value x of one model is compared with the value y of the same name of another. */
export interface Comparison {
  /** Σ x². */
  readonly signal: string;
  /** Σ (x − y)². */
  readonly noise: string;
}

/** The graph under other names, which collide with nothing of `beside`; constants that are the same in both keep theirs. */
function renamed(
  graph: Graph,
  beside: Graph,
  fresh: (hint: string) => string,
): { graph: Graph; names: Map<string, string> } {
  const copy = cloneGraph(graph);
  const names = new Map<string, string>();
  for (const [name, tensor] of graph.initializers)
    if (beside.initializers.get(name) !== tensor) names.set(name, fresh(`${name}_float`));
  for (const { outputs } of graph.nodes)
    for (const output of outputs) if (output !== '') names.set(output, fresh(`${output}_float`));
  renameReads(copy, names);
  const other = (name: string) => names.get(name) ?? name;
  copy.nodes = copy.nodes.map((node): Node => Object.freeze({ ...node, name: '', outputs: node.outputs.map(other) }));
  copy.initializers = new Map([...copy.initializers].map(([name, tensor]) => [other(name), tensor]));
  return { graph: copy, names };
}

/**
 * Both models in one, on the same inputs, with nothing but the sums that compare `values` as outputs: no value leaves ONNX Runtime, and each
 * is freed as soon as both models have it, so memory does not grow with the number of values.
 * @param float its values exist under the same names in `quantized`, which has its inputs and its operator sets or more
 */
export function sideBySide(
  float: Model,
  quantized: Model,
  values: readonly string[],
): { model: Model; comparisons: ReadonlyMap<string, Comparison> } {
  const fresh = freshNames(quantized.graph);
  const { graph, names } = renamed(float.graph, quantized.graph, fresh);
  const comparisons = new Map<string, Comparison>();
  const sums: Node[] = [];
  for (const value of latestFirst(quantized.graph, values)) {
    const expected = names.get(value) ?? value;
    const [error, signal, noise] = [fresh(`${value}_error`), fresh(`${value}_signal`), fresh(`${value}_noise`)];
    const all = { attributes: { keepdims: 0 } };
    sums.push(
      makeNode('Sub', [expected, value], [error]),
      makeNode('ReduceSumSquare', [expected], [signal], all),
      makeNode('ReduceSumSquare', [error], [noise], all),
    );
    comparisons.set(value, { signal, noise });
  }
  const both: Graph = {
    ...quantized.graph,
    nodes: [...graph.nodes, ...quantized.graph.nodes, ...sums],
    initializers: new Map([...graph.initializers, ...quantized.graph.initializers]),
  };
  const outputs = [...comparisons.values()].flatMap(({ signal, noise }) => [signal, noise]);
  return { model: { ...quantized, graph: onlyFor(both, outputs) }, comparisons };
}
