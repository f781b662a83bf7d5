import type { AxisUnits } from '../../channels/axis-units.js';
import type { ChannelGroup } from '../../channels/channel-groups.js';
import { keptCount, leastImportant } from '../../channels/choose-channels.js';
import { ServiceError } from '../../platform/errors.js';

/** A network whose channels can be cut, and what each of them weighs. */
export interface CutNetwork {
  readonly units: AxisUnits;
  readonly groups: readonly (ChannelGroup & { readonly importance: ReadonlyMap<number, number> })[];
}

/** The units that go at a width. */
export interface WidthPlan {
  readonly width: number;
  readonly removed: ReadonlySet<number>;
}

/** Widths that a target is looked for among: finer steps change single channels of common layers. */
const STEPS = 64;

/** Every group keeps this share of its channels, those that weigh most. */
export const widthPlan = ({ groups }: CutNetwork, width: number): WidthPlan => ({
  width,
  removed: new Set(groups.flatMap((group) => leastImportant(group, keptCount(group, width), group.importance))),
});

/**
 * The widest plan whose ratio is at most `target`, by bisection: a narrower network is taken to have no larger ratio.
 * @param ratio of a plan to the teacher, in (0, 1]
 * @throws ServiceError invalid_request when even the narrowest is too large
 */
export async function fitWidth(
  network: CutNetwork,
  target: number,
  ratio: (plan: WidthPlan) => Promise<number>,
): Promise<WidthPlan> {
  const plans: WidthPlan[] = [];
  for (let step = 1; step <= STEPS; step++) {
    const plan = widthPlan(network, step / STEPS);
    // Of widths that keep the same channels the last is as good as any.
    if (plans.at(-1)?.removed.size === plan.removed.size) plans.pop();
    plans.push(plan);
  }
  let [fits, low, high] = [-1, 0, plans.length - 1];
  let smallest = 1;
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const plan = plans[middle] as WidthPlan;
    const found = await ratio(plan);
    if (middle === 0) smallest = found;
    if (found <= target) [fits, low] = [middle, middle + 1];
    else high = middle - 1;
  }
  const plan = plans[fits];
  if (plan) return plan;
  throw new ServiceError(
    'invalid_request',
    `The teacher cannot be cut to a ratio of ${target}: its narrowest student has ${smallest.toFixed(3)}.`,
    {
      hint: 'Ask for a larger ratio, drop layers too, or take a template. GET the report of a milder job to see which layers stay whole.',
    },
  );
}
