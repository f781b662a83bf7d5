import type { Node } from '../onnx/ir/graph.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import type { Slot } from './axis-units.js';

/** Position i of `from` belongs to position `at(i)` of `to`; without `at` both axes are equal. */
export interface Link {
  readonly from: Slot;
  readonly to: Slot;
  at?(position: number): number;
}

/** One axis that counts through several others in mixed radix, the first slowest: what Reshape makes of them or splits. */
export interface Merge {
  readonly wide: Slot;
  readonly parts: readonly Slot[];
}

/**
 * How the axes of a node's inputs and outputs belong together. An axis that is not mentioned cannot be changed, which makes
 * forgetting safe.
 */
export interface Coupling {
  readonly links?: readonly Link[];
  readonly merges?: readonly Merge[];
  /** Axes that the node takes in any size. */
  readonly loose?: readonly Slot[];
}

/** What a rule may ask of the graph. */
export interface GraphFacts {
  /** Recorded sizes of a value; empty for an absent input. */
  dims(value: string): readonly number[];
  constant(value: string): Tensor | undefined;
  readers(value: string): readonly Node[];
}

/** The coupling of one node, or undefined for a form of the operator that is not followed. */
export type CouplingRule = (node: Node, facts: GraphFacts) => Coupling | undefined;

/** Rules by operator of the standard domain, from operator set 13 on. */
export type CouplingTable = Readonly<Record<string, CouplingRule>>;

export const slot = (value: string, axis: number): Slot => ({ value, axis });

/** Links every axis of `from` to one of `to`, as [axis of from, axis of to]. */
export const linkAxes = (from: string, to: string, axes: readonly (readonly [number, number])[]): Link[] =>
  axes.map(([a, b]) => ({ from: slot(from, a), to: slot(to, b) }));

/** All axes of these values. */
export const allAxes = (facts: GraphFacts, values: readonly string[]): Slot[] =>
  values.flatMap((value) => facts.dims(value).map((_, axis) => slot(value, axis)));

/** An axis as a non-negative number. */
export const positiveAxis = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/**
 * An operand that is broadcast to a result, axes aligned at the end: axes of the result's size are linked to it, axes of size 1 are
 * loose.
 */
export function broadcast(facts: GraphFacts, operand: string, result: string): Required<Omit<Coupling, 'merges'>> {
  const [own, whole] = [facts.dims(operand), facts.dims(result)];
  const links: Link[] = [];
  const loose: Slot[] = [];
  own.forEach((size, axis) => {
    const target = axis + whole.length - own.length;
    if (size === whole[target]) links.push({ from: slot(operand, axis), to: slot(result, target) });
    else loose.push(slot(operand, axis));
  });
  return { links, loose };
}

export const together = (...couplings: readonly Coupling[]): Coupling => ({
  links: couplings.flatMap(({ links }) => links ?? []),
  merges: couplings.flatMap(({ merges }) => merges ?? []),
  loose: couplings.flatMap(({ loose }) => loose ?? []),
});
