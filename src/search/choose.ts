import type { Objective } from '../contracts/quantize-step.js';
import type { Candidate, MadeModel, Measurements } from './candidate.js';
import { fasterThan, over, type Timed } from './speed.js';

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

/** Whether `a` is no larger, no worse and, as far as timing can tell, no slower than `b`, and better in something (Pareto). */
function dominates(a: Measured, b: Measured): boolean {
  const [larger, worse] = [a.made.bytes - b.made.bytes, compareQuality(a, b)];
  if (larger > 0 || worse > 0 || fasterThan(b, a)) return false;
  return larger < 0 || worse < 0 || fasterThan(a, b);
}

/** The candidates that no other one dominates. */
export const paretoFront = (candidates: readonly Measured[]): Measured[] =>
  candidates.filter((one) => !candidates.some((other) => dominates(other, one)));

/** Sizes within this share of each other count as equal, so that a few bytes do not decide against speed. */
const SAME_SIZE = 0.01;
/** Speeds within this share too: what a smaller or better model may cost. */
const SAME_SPEED = 0.02;

/** Whether a model is as fast as another as far as timing can tell, or so nearly that size counts for more. */
export function asFastAs(one: Timed, other: Timed): boolean {
  const { value, ci95 } = over(one, other);
  return ci95[1] >= 1 || value >= 1 - SAME_SPEED;
}

/** Whether more timing would not change that. */
export const asFastIsDecided = (one: Timed, other: Timed): boolean =>
  !asFastAs(one, other) || over(one, other).ci95[0] >= 1 - SAME_SPEED;

/** The fastest by what is certain: a wide interval around a large value is noise. */
export const fastest = (models: readonly Measured[]): Measured | null =>
  least(models, ({ measured }) => -measured.speedup.ci95[0]);

/** When speed is what counts, this many times the bytes of the smallest are not too many for a better model. */
const NEARLY_AS_SMALL = 1.2;

/** Those that lose no more than is allowed as measured; all, where there are none: then what chance explains is not held against them. */
function sound(models: readonly Measured[], maxDrop: number): readonly Measured[] {
  const within = models.filter(({ measured }) => measured.drop.value <= maxDrop);
  return within.length > 0 ? within : models;
}

/** Among the best for the objective, as far as measuring can tell them apart, the best in the other one; then the nearest to the original. */
const BEST: Readonly<Record<Objective, (front: readonly Measured[], maxDrop: number) => Measured | null>> = {
  latency(front, maxDrop) {
    const best = fastest(front);
    const fast = sound(
      front.filter((one) => best !== null && asFastAs(one, best)),
      maxDrop,
    );
    const smallest = least(fast, ({ made }) => made.bytes);
    const atMost = (smallest?.made.bytes ?? 0) * NEARLY_AS_SMALL;
    return fast.filter(({ made }) => made.bytes <= atMost).toSorted(compareQuality)[0] ?? null;
  },
  size(front, maxDrop) {
    const good = sound(front, maxDrop);
    const smallest = least(good, ({ made }) => made.bytes);
    const atMost = (smallest?.made.bytes ?? 0) * (1 + SAME_SIZE);
    return fastest(good.filter(({ made }) => made.bytes <= atMost));
  },
};

/** The first element with the least cost. */
function least<Item>(items: readonly Item[], cost: (item: Item) => number): Item | null {
  return items.reduce<Item | null>((best, item) => (best === null || cost(item) < cost(best) ? item : best), null);
}

/**
 * The Pareto front of bytes, metric and latency over the acceptable candidates, and the one on it that suits the objective best. When
 * nothing is acceptable, candidates that the job's own requirements allow are; when there are none either, nothing is chosen.
 * @param maxDrop of the metric, that is allowed
 */
export function choose(candidates: readonly Candidate[], objective: Objective, maxDrop: number): Choice {
  const measured = candidates.filter(isMeasured);
  const acceptable = measured.filter(({ refused }) => refused === null);
  const eligible = acceptable.length > 0 ? acceptable : measured.filter((one) => one.satisfiesRequirements);
  const front = paretoFront(eligible);
  const beaten = eligible.filter((one) => !front.includes(one));
  const dominatedBy = new Map(
    beaten.flatMap((one) => {
      const better = [...front, ...beaten].find((other) => dominates(other, one));
      return better ? [[one, better] as const] : [];
    }),
  );
  return { chosen: BEST[objective](front, maxDrop), front, dominatedBy };
}
