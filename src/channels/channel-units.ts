import { capturedValues } from '../onnx/ir/captured-values.js';
import type { Graph, Node } from '../onnx/ir/graph.js';
import { AxisUnits, type Slot } from './axis-units.js';
import type { Coupling, GraphFacts, Merge } from './coupling.js';
import { COUPLING_RULES } from './rules/index.js';

/** What rules ask of a graph whose values have these shapes. */
export function graphFacts(graph: Graph, shapes: ReadonlyMap<string, readonly number[]>): GraphFacts {
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes)
    for (const input of node.inputs) readers.set(input, [...(readers.get(input) ?? []), node]);
  const fed = new Set(graph.inputs.map(({ name }) => name));
  return {
    dims: (value) => shapes.get(value) ?? [],
    constant: (value) => (fed.has(value) ? undefined : graph.initializers.get(value)),
    readers: (value) => readers.get(value) ?? [],
  };
}

const couplingOf = (node: Node, facts: GraphFacts): Coupling | undefined =>
  node.domain === '' && Object.hasOwn(COUPLING_RULES, node.opType)
    ? COUPLING_RULES[node.opType]?.(node, facts)
    : undefined;

/**
 * Which positions of which axes move together in a graph: the dependency graph of structured pruning (Fang et al. 2023, DepGraph),
 * over every axis of every value. The model's inputs and outputs, and whatever meets an operator that is not followed, cannot be
 * removed, and say why.
 * @param shapes of every value of the main graph, constants included
 */
export function channelUnits(graph: Graph, shapes: ReadonlyMap<string, readonly number[]>): AxisUnits {
  const units = new AxisUnits(shapes);
  const facts = graphFacts(graph, shapes);
  const axesOf = (values: readonly string[]): Slot[] =>
    values.flatMap((value) => facts.dims(value).map((_, axis) => ({ value, axis })));
  const fixAll = (values: readonly string[], reason: string) => {
    for (const slot of axesOf(values)) units.fix(slot, reason);
  };
  fixAll(
    graph.inputs.map(({ name }) => name),
    'It belongs to an input of the model.',
  );
  fixAll(
    graph.outputs.map(({ name }) => name),
    'It belongs to an output of the model.',
  );

  const merges: Merge[] = [];
  for (const node of graph.nodes) {
    const name = `${node.opType}${node.name === '' ? '' : ` ${node.name}`}`;
    const coupling = couplingOf(node, facts);
    const captured = [...capturedValues(node)];
    if (!coupling) {
      fixAll(
        [...node.inputs, ...node.outputs, ...captured],
        `It meets ${name}, through which channels are not followed.`,
      );
      continue;
    }
    for (const { from, to, at } of coupling.links ?? [])
      for (let i = 0; i < units.size(from); i++) units.join(units.unit(to, at ? at(i) : i), units.unit(from, i));
    merges.push(...(coupling.merges ?? []));
    const mentioned = new Set(mentionedSlots(coupling).map(keyOf));
    for (const slot of axesOf([...node.inputs, ...node.outputs]))
      if (!mentioned.has(keyOf(slot))) units.fix(slot, `${name} needs all of it.`);
  }
  for (const merge of merges) applyMerge(units, merge);
  return units;
}

const keyOf = ({ value, axis }: Slot) => `${axis}:${value}`;

const mentionedSlots = ({ links = [], merges = [], loose = [] }: Coupling): Slot[] => [
  ...links.flatMap(({ from, to }) => [from, to]),
  ...merges.flatMap(({ wide, parts }) => [wide, ...parts]),
  ...loose,
];

/**
 * Of several axes counted through by one, only one can lose positions: a position of the wide axis goes with the part's that it
 * belongs to. It is the first that is free, whole heads before what is in them.
 */
function applyMerge(units: AxisUnits, { wide, parts }: Merge): void {
  const free = parts.find((part) => units.isFree(part));
  for (const part of parts) if (part !== free) units.fix(part, 'It is laid out within another axis, which goes first.');
  if (!free) {
    units.fix(wide, 'It is made of axes that all stay.');
    return;
  }
  const sizes = parts.slice(parts.indexOf(free) + 1).map((part) => units.size(part));
  const inner = sizes.reduce((product, size) => product * size, 1);
  for (let i = 0; i < units.size(wide); i++)
    units.join(units.unit(free, Math.floor(i / inner) % units.size(free)), units.unit(wide, i));
}
