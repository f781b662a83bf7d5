import { GraphEditor } from '../../onnx/ir/editor.js';
import { type Graph, type Node, subgraphs } from '../../onnx/ir/graph.js';
import type { RecordedShape } from '../../onnx/shapes/record-shapes.js';
import type { NodeSelection } from '../node-selection.js';
import { constantObstacle, valueObstacle } from './fitness.js';
import type { HalfError } from './half-constants.js';
import { halfObstacle, isPrecise } from './half-operators.js';

/** The float32 values of a graph, and which of its nodes could compute on them in half precision. */
export interface HalfCandidates {
  readonly editor: GraphEditor;
  /** Candidates in graph order, with the values that would become halves; constants are among them. */
  readonly nodes: ReadonlyMap<Node, readonly string[]>;
  /** Why each other node with float32 values stays in float. */
  readonly reasons: ReadonlyMap<Node, string>;
}

/**
 * Finds the nodes whose operators take halves.
 * @param shapes types of all values, as one run had them
 */
export function halfCandidates(
  graph: Graph,
  opset: number,
  shapes: ReadonlyMap<string, RecordedShape>,
  selected: NodeSelection,
): HalfCandidates {
  const nodes = new Map<Node, readonly string[]>();
  const reasons = new Map<Node, string>();
  const isFloat = (value: string) => shapes.get(value)?.dtype === 'float32';
  for (const node of graph.nodes) {
    const inputs = node.inputs.filter((value, index) => isFloat(value) && isPrecise(node, index));
    const values = [...new Set([...inputs, ...node.outputs.filter(isFloat)])];
    const obstacle = obstacleOf(node, opset, shapes, selected);
    if (obstacle === null && values.length > 0) nodes.set(node, values);
    else if (obstacle !== null && (values.length > 0 || subgraphs(node).length > 0)) reasons.set(node, obstacle);
  }
  return { editor: new GraphEditor(graph), nodes, reasons };
}

function obstacleOf(
  node: Node,
  opset: number,
  shapes: ReadonlyMap<string, RecordedShape>,
  selected: NodeSelection,
): string | null {
  if (!selected(node)) return 'The request leaves it out.';
  if (subgraphs(node).length > 0) return 'Branches and loops compute in FP32: their values cannot be measured.';
  const opaque = [...node.inputs, ...node.outputs].some((value) => value !== '' && !shapes.has(value));
  return opaque ? 'It handles something else than tensors.' : halfObstacle(node, opset);
}

/** Operators that hand on the same numbers in another order or shape. */
const SAME_NUMBERS = new Set(['Flatten', 'Identity', 'Reshape', 'Squeeze', 'Transpose', 'Unsqueeze']);

/** The value in which each value's numbers were first, where that is another one: one measurement does for all. */
function origins(editor: GraphEditor): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { domain, opType, inputs, outputs } of editor.graph.nodes) {
    const [input = ''] = inputs;
    const handedOn = domain === '' && SAME_NUMBERS.has(opType) && editor.constant(input) === undefined;
    if (handedOn) for (const output of outputs) found.set(output, found.get(input) ?? input);
  }
  return found;
}

/** The computed values of candidates, whose numbers must be known before `fitNodes`. */
export function probedValues(
  { editor, nodes }: HalfCandidates,
  shapes: ReadonlyMap<string, RecordedShape>,
): readonly string[] {
  const computed = [...nodes.values()].flat().filter((value) => !editor.graph.initializers.has(value));
  const first = origins(editor);
  return [...new Set(computed.map((value) => first.get(value) ?? value))].filter(
    (value) => !shapes.get(value)?.dims.includes(0),
  );
}

/**
 * The candidates whose numbers all suit halves, and why each other node stays in float.
 * @param errors of the values that `probedValues` gave
 */
export function fitNodes(
  { editor, nodes, reasons }: HalfCandidates,
  errors: ReadonlyMap<string, HalfError>,
): { readonly fit: ReadonlySet<Node>; readonly reasons: ReadonlyMap<Node, string> } {
  const first = origins(editor);
  const obstacle = (node: Node, value: string) => {
    const error = errors.get(first.get(value) ?? value);
    return error ? valueObstacle(editor, value, error) : constantObstacle(editor, node, value);
  };
  const all = new Map(reasons);
  const fit = new Set<Node>();
  for (const [node, values] of nodes) {
    const reason = values.map((value) => obstacle(node, value)).find((found) => found !== null);
    if (reason) all.set(node, reason);
    else fit.add(node);
  }
  return { fit, reasons: all };
}
