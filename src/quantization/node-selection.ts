import { type Graph, type Node, subgraphs } from '../onnx/ir/graph.js';
import { fitsAny } from '../onnx/name-patterns.js';

/** Which nodes a caller lets us quantize. */
export interface NodeSelection {
  (node: Node): boolean;
  /** Nodes that were named to be left as they are, not merely not chosen. */
  readonly excludes: (node: Node) => boolean;
}

/** Nodes and the nodes in their branches and bodies. */
const withNested = (nodes: readonly Node[]): Node[] =>
  nodes.flatMap((node) => [node, ...subgraphs(node).flatMap((inner) => withNested(inner.nodes))]);

const distinct = (names: readonly string[]) => [...new Set(names)].filter((name) => name !== '');

/** Names and operator types of all nodes. */
export const nodeNames = (nodes: readonly Node[]): string[] =>
  distinct(withNested(nodes).flatMap((node) => [node.name, node.opType]));

/** Names of all values and constants. */
export const tensorNames = (graph: { readonly nodes: readonly Node[]; readonly inputs?: Graph['inputs'] }): string[] =>
  distinct([
    ...(graph.inputs ?? []).map(({ name }) => name),
    ...withNested(graph.nodes).flatMap((node) => [...node.outputs, ...node.inputs]),
  ]);

export interface SelectionPatterns {
  readonly include?: readonly string[] | undefined;
  readonly exclude: readonly string[];
  readonly exclude_tensors?: readonly string[];
}

/**
 * Turns `include` and `exclude` (node names, globs with *, operator types) and `exclude_tensors` (values and constants) into a test.
 * Exclusion wins.
 * @param nodes the nodes of the model as it was uploaded, which is what the caller can know
 * @throws ServiceError unknown_node when a pattern fits nothing, with the nearest name as a hint
 */
export function selectNodes(nodes: readonly Node[], patterns: SelectionPatterns): NodeSelection {
  const names = nodeNames(nodes);
  const compile = (field: 'include' | 'exclude') => {
    const given = (patterns[field] ?? []).map((pattern, index) => ({ pattern, pointer: `/${field}/${index}` }));
    const fits = fitsAny(given, names, 'node or operator type');
    return (node: Node) => fits(node.name) || fits(node.opType);
  };
  const included = patterns.include ? compile('include') : () => true;
  const excluded = compile('exclude');
  const touched = touches(nodes, patterns.exclude_tensors ?? []);
  const excludes = (node: Node) => excluded(node) || touched(node);
  return Object.assign((node: Node) => included(node) && !excludes(node), { excludes });
}

/** Whether a node reads or gives one of these tensors, in the model as it was uploaded or as it is now. */
function touches(nodes: readonly Node[], tensors: readonly string[]): (node: Node) => boolean {
  if (tensors.length === 0) return () => false;
  const given = tensors.map((pattern, index) => ({ pattern, pointer: `/exclude_tensors/${index}` }));
  const fits = fitsAny(given, tensorNames({ nodes }), 'tensor');
  const reads = ({ inputs, outputs }: Node) => [...inputs, ...outputs].some((name) => name !== '' && fits(name));
  const uploaded = new Set(
    withNested(nodes)
      .filter(reads)
      .map(({ name }) => name),
  );
  return (node) => uploaded.has(node.name) || reads(node);
}
