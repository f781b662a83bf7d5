import { capturedValues } from '../onnx/ir/captured-values.js';
import type { Graph, Node } from '../onnx/ir/graph.js';
import { transposedPairs } from '../onnx/passes/tied-constants.js';
import type { NodeSelection } from './node-selection.js';
import { type Decision, runsInInteger, type Treatment } from './plan.js';
import { weightOperands } from './weight-operands.js';

/** What is done to weights for their bytes alone. */
const SAVES_BYTES: ReadonlySet<Treatment> = new Set(['stored', 'stored4', 'rows']);

const LEFT_OUT = 'Its weights are also those of a node that the request leaves out.';
const UNFOLDED = 'Its table is also read whole, in float; it is stored in INT8 and unfolds when the model is loaded.';

/**
 * Decisions that agree on constants that several nodes read, as they are or transposed: what a node that is left out reads stays as it
 * is, and a table that some node needs in float is not stored in INT8 beside it.
 */
export function agreeOnSharedWeights(
  decisions: Map<Node, Decision>,
  graph: Graph,
  selected: NodeSelection,
): Map<Node, Decision> {
  const saving = [...decisions.values()].filter(({ treatment }) => SAVES_BYTES.has(treatment));
  if (saving.length === 0) return decisions;
  const leftOut = new Set<string>();
  const unfolded = new Set<string>();
  for (const node of graph.nodes) {
    const decision = decisions.get(node);
    if (decision && (SAVES_BYTES.has(decision.treatment) || runsInInteger(decision))) continue;
    for (const name of [...node.inputs, ...capturedValues(node)]) {
      if (!graph.initializers.has(name)) continue;
      unfolded.add(name);
      if (!selected(node)) leftOut.add(name);
    }
  }
  const looksUp = [...decisions.keys()].some(({ opType }) => opType === 'Gather');
  const pairs = looksUp ? transposedPairs(graph) : new Map<string, string>();
  for (const { node, treatment } of saving) {
    const names = weightOperands(node, graph).flatMap(({ name }) => [name, pairs.get(name) ?? name]);
    if (names.some((name) => leftOut.has(name))) decisions.set(node, { node, treatment: 'float', reason: LEFT_OUT });
    else if (treatment === 'rows' && names.some((name) => unfolded.has(name))) {
      decisions.set(node, { node, treatment: 'stored', reason: UNFOLDED });
    }
  }
  return decisions;
}
