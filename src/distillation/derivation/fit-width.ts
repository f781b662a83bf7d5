import type { AxisUnits } from '../../channels/axis-units.js';
import type { ChannelGroup } from '../../channels/channel-groups.js';
import { keptCount, leastImportant } from '../../channels/choose-channels.js';
import { cutShapes } from '../../channels/cut-shapes.js';
import { shrinkPath } from '../../channels/shrink-path.js';
import { networkSize } from '../../channels/workload.js';
import type { Graph } from '../../onnx/ir/graph.js';
import { ServiceError } from '../../platform/errors.js';

/** A group of channels with what each is worth, and the share of all that is lost when only the best k stay: [k − 1]. */
export interface RankedGroup extends ChannelGroup {
  readonly importance: ReadonlyMap<number, number>;
  readonly unexplained: readonly number[];
}

/** A network whose channels can be cut. */
export interface CutNetwork {
  readonly graph: Graph;
  readonly units: AxisUnits;
  readonly groups: readonly RankedGroup[];
}

/** The units that go. */
export type CutPlan = ReadonlySet<number>;

const planOf = ({ groups }: CutNetwork, kept: (group: RankedGroup, place: number) => number): CutPlan =>
  new Set(groups.flatMap((group, place) => leastImportant(group, kept(group, place), group.importance)));

/** Every group keeps this share of its channels, those that are worth most. */
export const widthPlan = (network: CutNetwork, width: number): CutPlan =>
  planOf(network, (group) => keptCount(group, width));

/**
 * The least cut whose ratio is at most `target`, by bisection along ever narrower networks, which lose most where they lose least by
 * it: a narrower network is taken to have no larger ratio.
 * @param saves what a step along the way is meant to save
 * @param ratio of a plan to the teacher, in (0, 1]
 * @throws ServiceError invalid_request when even the narrowest is too large
 */
export async function fitWidth(
  network: CutNetwork,
  target: number,
  saves: 'bytes' | 'operations',
  ratio: (plan: CutPlan) => Promise<number>,
): Promise<CutPlan> {
  const { graph, units, groups } = network;
  const shapes = cutShapes(graph, units, groups);
  const path = shrinkPath(
    groups.map((group) => ({ group, unexplained: group.unexplained })),
    (kept) => networkSize(graph, shapes(kept))[saves],
  );
  const planAt = (step: number) => planOf(network, (group, place) => path[step]?.[place] ?? group.size);
  let [fits, low, high] = [-1, 0, path.length - 1];
  let smallest = 1;
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const found = await ratio(planAt(middle));
    smallest = Math.min(smallest, found);
    if (found <= target) [fits, high] = [middle, middle - 1];
    else low = middle + 1;
  }
  if (fits >= 0) return planAt(fits);
  throw new ServiceError(
    'invalid_request',
    `The teacher cannot be cut to a ratio of ${target}: its narrowest student has ${smallest.toFixed(3)}.`,
    {
      hint: 'Ask for a larger ratio, drop layers too, or take a template. The report of a milder job says which layers stay whole.',
    },
  );
}
