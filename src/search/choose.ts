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

/** Negative when `a` is the better model: by the metric, and where few samples give the same, by how near its outputs are to the original's. */
const compareQuality = ({ measured: a }: Measured, { measured: b }: Measured): number =>
  a.drop.value - b.drop.value || a.noise - b.noise;

/** What is compared, each negative when `a` is better. */
const comparisons = (a: Measured, b: Measured): readonly number[] => [
  a.made.bytes - b.made.bytes,
  compareQuality(a, b),
  b.measured.speedup.value - a.measured.speedup.value,
];

/** Whether `a` is no worse in anything and better in something (Pareto). */
function dominates(a: Measured, b: Measured): boolean {
  const found = comparisons(a, b);
  return found.every((difference) => difference <= 0) && found.some((difference) => difference < 0);
}

/** The candidates that no other one dominates. */
export const paretoFront = (candidates: readonly Measured[]): Measured[] =>
  candidates.filter((one) => !candidates.some((other) => dominates(other, one)));

/** Sizes within this share of each other count as equal, so that a few bytes do not decide against speed. */
const SAME_SIZE = 0.01;
/** Speeds within this share too: candidates are timed one after the other, and the machine drifts by more than an interval shows. */
const SAME_SPEED = 0.02;

/** When speed is what counts, this many times the bytes of the smallest are not too many for a better model. */
const NEARLY_AS_SMALL = 1.2;

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
    const fast = front.filter(({ measured }) => measured.speedup.value >= atLeast);
    const smallest = least(fast, ({ made }) => made.bytes);
    const atMost = (smallest?.made.bytes ?? 0) * NEARLY_AS_SMALL;
    return fast.filter(({ made }) => made.bytes <= atMost).toSorted(compareQuality)[0] ?? null;
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
