import type { Objective } from '../contracts/quantize-step.js';
import type { Candidate, MadeModel, Measurements } from './candidate.js';

/** A candidate with everything known of it. */
export type Measured = Candidate & { readonly made: MadeModel; readonly measured: Measurements };
export const isMeasured = (candidate: Candidate): candidate is Measured =>
  candidate.made !== null && candidate.measured !== null;

export interface Choice {
  /** Null: nothing is acceptable, and the original is the last resort. */
  readonly chosen: Measured | null;
  /** The candidates that no other acceptable one beats in everything. */
  readonly front: readonly Measured[];
  /** By which candidate a candidate is dominated. */
  readonly dominatedBy: ReadonlyMap<Measured, Measured>;
}

/** What is compared, each so that less is better. */
const costs = ({ made, measured }: Measured): readonly number[] => [
  made.bytes,
  measured.drop.value,
  1 / measured.speedup.value,
];

/** Whether `a` is no worse in anything and better in something (Pareto). */
function dominates(a: Measured, b: Measured): boolean {
  const other = costs(b);
  const own = costs(a);
  return own.every((cost, i) => cost <= (other[i] as number)) && own.some((cost, i) => cost < (other[i] as number));
}

/** The candidates that no other one dominates. */
export const paretoFront = (candidates: readonly Measured[]): Measured[] =>
  candidates.filter((one) => !candidates.some((other) => dominates(other, one)));

/** Sizes within this share of each other count as equal, so that a few bytes do not decide against speed. */
const SAME_SIZE = 0.01;
/** Speeds within this share too: candidates are timed one after the other, and the machine drifts by more than an interval shows. */
const SAME_SPEED = 0.02;

/** Among the best for the objective, as far as measuring can tell them apart, the best in the other one. */
const BEST: Readonly<Record<Objective, (front: readonly Measured[]) => Measured | null>> = {
  latency(front) {
    // By what is certain: a wide interval around a large value is noise.
    const fastest = least(front, ({ measured }) => -measured.speedup.ci95[0]);
    const {
      ci95: [low],
      value,
    } = fastest?.measured.speedup ?? { ci95: [0, 0], value: 0 };
    const atLeast = Math.min(low, value * (1 - SAME_SPEED));
    return least(
      front.filter(({ measured }) => measured.speedup.value >= atLeast),
      ({ made }) => made.bytes,
    );
  },
  size(front) {
    const smallest = least(front, ({ made }) => made.bytes);
    const atMost = (smallest?.made.bytes ?? 0) * (1 + SAME_SIZE);
    return least(
      front.filter(({ made }) => made.bytes <= atMost),
      ({ measured }) => -measured.speedup.value,
    );
  },
};

/** The first element with the least cost. */
function least<Item>(items: readonly Item[], cost: (item: Item) => number): Item | null {
  return items.reduce<Item | null>((best, item) => (best === null || cost(item) < cost(best) ? item : best), null);
}

/**
 * The Pareto front of bytes, metric and latency over the acceptable candidates, and the one on it that suits the objective best. When
 * nothing is acceptable, candidates that the job's own requirements allow are; when there are none either, nothing is chosen.
 */
export function choose(candidates: readonly Candidate[], objective: Objective): Choice {
  const measured = candidates.filter(isMeasured);
  const acceptable = measured.filter(({ refused }) => refused === null);
  const eligible = acceptable.length > 0 ? acceptable : measured.filter((one) => one.satisfiesRequirements);
  const front = paretoFront(eligible);
  const beaten = eligible.filter((one) => !front.includes(one));
  const dominatedBy = new Map(
    beaten.flatMap((one) => {
      const better = front.find((other) => dominates(other, one));
      return better ? [[one, better] as const] : [];
    }),
  );
  return { chosen: BEST[objective](front), front, dominatedBy };
}
