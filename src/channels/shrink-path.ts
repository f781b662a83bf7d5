import type { ChannelGroup } from './channel-groups.js';
import { channelStep } from './choose-channels.js';

/** A group with the share of its variance that is lost when only the first k of its units stay: [k − 1], falling. */
export interface GroupLoss {
  readonly group: ChannelGroup;
  readonly unexplained: readonly number[];
}

/**
 * Ever narrower networks, from the whole one to where every group keeps its least: each takes from the group that loses least for
 * what it saves. A lazy greedy walk (Minoux 1978): what a group saves only falls as others shrink.
 * @param cost of a network that keeps so many units of each group
 * @returns how many units each group keeps, step by step
 */
export function shrinkPath(losses: readonly GroupLoss[], cost: (kept: readonly number[]) => number): number[][] {
  const kept = losses.map(({ group }) => group.size);
  const path = [[...kept]];
  const next = (at: number) => {
    const { group } = losses[at] as GroupLoss;
    const now = kept[at] ?? 0;
    const fewer = now - channelStep(group);
    return fewer >= Math.max(1, group.size - group.free.length) ? fewer : undefined;
  };
  let current = cost(kept);
  const price = (at: number): number => {
    const fewer = next(at);
    if (fewer === undefined) return Number.POSITIVE_INFINITY;
    const { unexplained } = losses[at] as GroupLoss;
    const loss = (unexplained[fewer - 1] ?? 1) - (unexplained[(kept[at] ?? 1) - 1] ?? 0);
    const saved = current - cost(kept.with(at, fewer));
    return saved > 0 ? loss / saved : Number.POSITIVE_INFINITY;
  };
  const prices = losses.map((_, at) => price(at));
  for (;;) {
    const at = prices.indexOf(Math.min(...prices));
    if (at < 0 || prices[at] === Number.POSITIVE_INFINITY) return path;
    const fresh = price(at);
    if (fresh > (prices[at] ?? 0)) {
      prices[at] = fresh;
      continue;
    }
    kept[at] = next(at) ?? kept[at] ?? 0;
    current = cost(kept);
    path.push([...kept]);
    prices[at] = price(at);
  }
}
