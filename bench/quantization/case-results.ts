import { losesTooMuch } from '../../src/search/judge.js';
import type { BenchCase } from './cases.js';
import { type Contender, contenders } from './contenders.js';
import type { Made, Results, Score, Timing } from './results.js';

/** A contender with everything known of its model. */
export interface Measured {
  readonly contender: Contender;
  readonly made: Exclude<Made, { error: string }>;
  readonly score: Exclude<Score, { error: string }>;
  /** Null for further calibration subsets, which are scored alone. */
  readonly timed: Timing['models'][string] | null;
}

/** What a run has found for a case so far. */
export interface CaseResults {
  readonly name: string;
  readonly benchCase: BenchCase;
  readonly timing: Timing;
  readonly measured: readonly Measured[];
  /** Contenders without a model that could be measured, and why. */
  readonly failed: readonly { readonly contender: Contender; readonly reason: string }[];
}

/** Null when nothing was timed yet. */
export function readCase(name: string, benchCase: BenchCase, results: Results): CaseResults | null {
  const timing = results.timing(name);
  if (timing === null) return null;
  const measured: Measured[] = [];
  const failed: { contender: Contender; reason: string }[] = [];
  for (const contender of contenders(benchCase)) {
    const made = results.made(name, contender.name);
    if (made === null) continue;
    const score = 'error' in made ? null : results.score(name, contender.name);
    if ('error' in made) failed.push({ contender, reason: made.error });
    else if (score !== null && 'error' in score) failed.push({ contender, reason: score.error });
    else if (score !== null) measured.push({ contender, made, score, timed: timing.models[contender.name] ?? null });
  }
  return { name, benchCase, timing, measured, failed };
}

/** The error that counts: over whole recordings where there are any. */
export const scoreOf = ({ score }: Measured): number => score.closed_loop?.error ?? score.result.value;

/** What a contender loses, as a cost; of recordings, the error itself. */
export const lossOf = ({ score }: Measured): number => score.closed_loop?.error ?? score.drop.value;

/** Speed without the metric is no peer: the fastest of these that loses no more than a search would accept, else the fastest. */
export function best(candidates: readonly Measured[]): Measured | null {
  const good = candidates.filter(({ score }) => !losesTooMuch(score, undefined));
  const speed = ({ timed }: Measured) => timed?.speedup.value ?? 0;
  return (good.length > 0 ? good : candidates).toSorted((a, b) => speed(b) - speed(a))[0] ?? null;
}
