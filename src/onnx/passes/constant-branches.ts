import { node as create, type Graph, type Node } from '../ir/graph.js';
import { renameReads } from '../ir/rename-reads.js';
import { graphsOf } from '../ir/visit-graphs.js';
import type { Pass } from './pass.js';

/** The branch that an If always takes; undefined when its condition is computed. */
function takenBranch({ initializers }: Graph, inputs: ReadonlySet<string>, node: Node): Graph | undefined {
  const [name = ''] = node.inputs;
  if (node.opType !== 'If' || node.domain !== '' || inputs.has(name)) return undefined;
  const condition = initializers.get(name);
  if (condition?.dtype !== 'bool' || condition.bytes.byteLength !== 1) return undefined;
  const branch = node.attributes.get(condition.bytes[0] === 0 ? 'else_branch' : 'then_branch');
  return branch?.kind === 'graph' ? branch.value : undefined;
}

/** How often each name is given in a graph and the graphs inside it. */
class NameCounts {
  readonly #counts = new Map<string, number>();
  /** One hint may be given very often: each time the search goes on where it ended. */
  readonly #next = new Map<string, number>();

  constructor(graph: Graph) {
    for (const { initializers, inputs, nodes } of graphsOf(graph)) {
      for (const name of initializers.keys()) this.#add(name);
      for (const { name } of inputs) this.#add(name);
      for (const { outputs } of nodes) for (const output of outputs) this.#add(output);
    }
  }

  #add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  remove(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) - 1);
  }

  /** A name that is given nowhere, and is from now on: the hint itself, else the hint with a number. */
  fresh(hint: string): string {
    let name = hint;
    let number = this.#next.get(hint) ?? 1;
    for (; (this.#counts.get(name) ?? 0) > 0; number++) name = `${hint}_${number}`;
    this.#next.set(hint, number);
    this.#add(name);
    return name;
  }
}

/** Gives the branch's own values names that are new in the whole outer graph, except where they are new already. */
function renameOwnValues(branch: Graph, names: NameCounts): void {
  const own = [...branch.initializers.keys(), ...branch.nodes.flatMap(({ outputs }) => outputs)].filter(
    (name) => name !== '',
  );
  for (const name of own) names.remove(name);
  const others = new Map<string, string>();
  for (const name of own) {
    const fresh = names.fresh(name);
    if (fresh !== name) others.set(name, fresh);
  }
  const renamed = (name: string) => others.get(name) ?? name;
  renameReads(branch, others);
  branch.nodes = branch.nodes.map((node) => Object.freeze({ ...node, outputs: node.outputs.map(renamed) }));
  branch.outputs = branch.outputs.map((output) => ({ ...output, name: renamed(output.name) }));
  branch.initializers = new Map([...branch.initializers].map(([name, tensor]) => [renamed(name), tensor]));
  branch.values = new Map([...branch.values].map(([name, type]) => [renamed(name), type]));
}

/** An If whose condition is a constant is replaced by the nodes of the branch that it takes. */
export const constantBranches: Pass = {
  name: 'constant_branches',
  run(graph: Graph): number {
    const inputs = new Set(graph.inputs.map(({ name }) => name));
    let names: NameCounts | undefined;
    let changes = 0;
    const nodes: Node[] = [];
    for (const node of graph.nodes) {
      const branch = takenBranch(graph, inputs, node);
      if (!branch) {
        nodes.push(node);
        continue;
      }
      renameOwnValues(branch, (names ??= new NameCounts(graph)));
      for (const each of branch.nodes) nodes.push(each);
      node.outputs.forEach((output, index) => {
        nodes.push(create('Identity', [branch.outputs[index]?.name ?? ''], [output]));
      });
      for (const [name, tensor] of branch.initializers) graph.initializers.set(name, tensor);
      for (const [name, type] of branch.values) graph.values.set(name, type);
      changes++;
    }
    graph.nodes = nodes;
    return changes;
  },
};
