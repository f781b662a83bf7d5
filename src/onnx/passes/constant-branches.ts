import { GraphEditor } from '../ir/editor.js';
import { node as create, type Graph, type Node } from '../ir/graph.js';
import { renameReads } from '../ir/rename-reads.js';
import { graphsOf } from '../ir/visit-graphs.js';
import type { Pass } from './pass.js';

/** The branch that an If always takes; undefined when its condition is computed. */
function takenBranch(editor: GraphEditor, node: Node): Graph | undefined {
  if (node.opType !== 'If' || node.domain !== '') return undefined;
  const condition = editor.constant(node.inputs[0] ?? '');
  if (condition?.dtype !== 'bool' || condition.bytes.byteLength !== 1) return undefined;
  const branch = node.attributes.get(condition.bytes[0] === 0 ? 'else_branch' : 'then_branch');
  return branch?.kind === 'graph' ? branch.value : undefined;
}

/** Gives the branch's own values names that are new in the whole outer graph, except where they are new already. */
function renameOwnValues(branch: Graph, taken: Set<string>): void {
  const own = [...branch.initializers.keys(), ...branch.nodes.flatMap(({ outputs }) => outputs)].filter(
    (name) => name !== '',
  );
  const names = new Map<string, string>();
  for (const name of own) {
    let fresh = name;
    for (let i = 1; taken.has(fresh); i++) fresh = `${name}_${i}`;
    taken.add(fresh);
    if (fresh !== name) names.set(name, fresh);
  }
  const renamed = (name: string) => names.get(name) ?? name;
  renameReads(branch, names);
  branch.nodes = branch.nodes.map((node) => Object.freeze({ ...node, outputs: node.outputs.map(renamed) }));
  branch.outputs = branch.outputs.map((output) => ({ ...output, name: renamed(output.name) }));
  branch.initializers = new Map([...branch.initializers].map(([name, tensor]) => [renamed(name), tensor]));
  branch.values = new Map([...branch.values].map(([name, type]) => [renamed(name), type]));
}

/** All names of a graph and the graphs inside it, but for one branch. */
function namesOutside(graph: Graph, branch: Graph): Set<string> {
  const names = new Set<string>();
  for (const { initializers, inputs, nodes } of graphsOf(graph)) {
    if (initializers === branch.initializers) continue;
    for (const name of initializers.keys()) names.add(name);
    for (const { name } of inputs) names.add(name);
    for (const { outputs } of nodes) for (const output of outputs) names.add(output);
  }
  return names;
}

/** An If whose condition is a constant is replaced by the nodes of the branch that it takes. */
export const constantBranches: Pass = {
  name: 'constant_branches',
  run(graph: Graph): number {
    let changes = 0;
    for (const node of [...graph.nodes]) {
      const branch = takenBranch(new GraphEditor(graph), node);
      if (!branch) continue;
      renameOwnValues(branch, namesOutside(graph, branch));
      const outputs = node.outputs.map((output, index) =>
        create('Identity', [branch.outputs[index]?.name ?? ''], [output]),
      );
      graph.nodes.splice(graph.nodes.indexOf(node), 1, ...branch.nodes, ...outputs);
      for (const [name, tensor] of branch.initializers) graph.initializers.set(name, tensor);
      for (const [name, type] of branch.values) graph.values.set(name, type);
      changes++;
    }
    return changes;
  },
};
