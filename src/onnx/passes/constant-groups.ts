import type { Graph, Node } from '../ir/graph.js';

/** Constants, and the values that are made of them alone. */
export interface ConstantGroup {
  readonly sources: readonly string[];
  readonly made: readonly string[];
}

/** Names in disjoint sets (Tarjan 1975), found in next to constant time. */
class DisjointNames {
  readonly #parents = new Map<string, string>();

  /** The name that stands for the set of `name`. */
  find(name: string): string {
    let root = name;
    for (let next = this.#parents.get(root); next !== undefined; next = this.#parents.get(root)) root = next;
    for (let at = name; at !== root; ) {
      const next = this.#parents.get(at) ?? root;
      this.#parents.set(at, root);
      at = next;
    }
    return root;
  }

  join(a: string, b: string): void {
    const [first, second] = [this.find(a), this.find(b)];
    if (first !== second) this.#parents.set(second, first);
  }
}

/**
 * Initializers that do not join groups, by the one group whose nodes read them; those that several groups read are left out.
 * @param rootOf the name that stands for the group of a node
 */
function readByOne(
  { initializers }: Pick<Graph, 'initializers'>,
  nodes: readonly Node[],
  counts: (initializer: string) => boolean,
  rootOf: (node: Node) => string | undefined,
): [source: string, root: string][] {
  const readers = new Map<string, string | undefined>();
  for (const node of nodes) {
    const root = rootOf(node);
    for (const name of node.inputs) {
      if (!initializers.has(name) || counts(name)) continue;
      readers.set(name, !readers.has(name) || readers.get(name) === root ? root : undefined);
    }
  }
  return [...readers].flatMap(([name, root]): [string, string][] => (root === undefined ? [] : [[name, root]]));
}

/**
 * Constants and what is made of them alone, in groups that share none. So a weight that is cut by three Slices and put together again by a
 * Concat, as exporters reorder the gates of a recurrent layer, is seen to serve that Concat only.
 * @param nodes that depend on constants alone, in order
 * @param counts whether an initializer is large enough to join groups; indices and shapes, which everything shares, would join all. The
 * others are sources of a group when it alone reads them.
 */
export function constantGroups(
  { initializers }: Pick<Graph, 'initializers'>,
  nodes: readonly Node[],
  counts: (initializer: string) => boolean,
): ConstantGroup[] {
  const sets = new DisjointNames();
  const sources = new Set<string>();
  const made = new Set<string>();
  for (const { inputs, outputs } of nodes) {
    const results = outputs.filter((output) => output !== '');
    const constants = inputs.filter((input) => initializers.has(input) && counts(input));
    for (const name of constants) sources.add(name);
    for (const name of results) made.add(name);
    const [first, ...others] = [...results, ...constants, ...inputs.filter((input) => made.has(input))];
    if (first !== undefined) for (const other of others) sets.join(first, other);
  }
  const groups = new Map<string, { sources: string[]; made: string[] }>();
  const groupOf = (name: string) => {
    const root = sets.find(name);
    const group = groups.get(root) ?? { sources: [], made: [] };
    groups.set(root, group);
    return group;
  };
  for (const name of sources) groupOf(name).sources.push(name);
  const rootOf = ({ outputs }: Node) => {
    const result = outputs.find((output) => output !== '');
    return result === undefined ? undefined : sets.find(result);
  };
  for (const [name, root] of readByOne({ initializers }, nodes, counts, rootOf)) groupOf(root).sources.push(name);
  for (const name of made) groupOf(name).made.push(name);
  return [...groups.values()];
}
