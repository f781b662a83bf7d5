import type { Graph } from '../onnx/ir/graph.js';
import type { AxisUnits } from './axis-units.js';

/** A part of a network's channels, by its units. */
interface Units {
  readonly units: readonly number[];
}

/** The shape of a value when each group keeps so many of its units. */
export type CutShapes = (kept: readonly number[]) => (value: string) => readonly number[];

/**
 * Shapes by how many units each group keeps, whichever they are: an axis is what belongs to no group, and for each group its units
 * times how often each lies there.
 */
export function cutShapes(graph: Graph, units: AxisUnits, groups: readonly Units[]): CutShapes {
  const groupOf = new Map(groups.flatMap(({ units: own }, group) => own.map((unit) => [unit, group] as const)));
  const names = new Set([
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]),
  ]);
  interface Axis {
    readonly rest: number;
    readonly shares: readonly (readonly [group: number, each: number])[];
  }
  const axes = new Map<string, readonly Axis[]>();
  for (const value of names) {
    axes.set(
      value,
      (units.shapes.get(value) ?? []).map((size, axis): Axis => {
        const counts = new Map<number, number>();
        for (const unit of units.units({ value, axis })) {
          const group = groupOf.get(unit);
          if (group !== undefined) counts.set(group, (counts.get(group) ?? 0) + 1);
        }
        const grouped = [...counts.values()].reduce((sum, count) => sum + count, 0);
        return {
          rest: size - grouped,
          shares: [...counts].map(([group, count]) => [group, count / (groups[group]?.units.length ?? 1)] as const),
        };
      }),
    );
  }
  return (kept) => (value) =>
    (axes.get(value) ?? []).map(({ rest, shares }) =>
      Math.round(shares.reduce((sum, [group, each]) => sum + each * (kept[group] ?? 0), rest)),
    );
}
