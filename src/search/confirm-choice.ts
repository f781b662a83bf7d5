import type { Requirements } from '../contracts/job-spec.js';
import type { Objective } from '../contracts/quantize-step.js';
import type { Candidate, Measurements } from './candidate.js';
import { asFastIsDecided, type Choice, choose, fastest, isMeasured, type Measured } from './choose.js';
import { deservesAnotherHearing, judge, maxDrop, speedUndecided } from './judge.js';
import { nameOf } from './report-candidates.js';
import { speedWords } from './speed.js';
import { timeUntilDecided } from './time-until-decided.js';
import type { Scored, Workshop } from './workshop.js';

/** Rounds of timing that a confirmation takes; after the most, with half a percent of noise on a machine that others use, the rest is luck. */
const ROUNDS = { least: 2, most: 64 } as const;

export interface ConfirmOptions {
  readonly objective: Objective;
  readonly require: Requirements | undefined;
  readonly workshop: Workshop;
  readonly signal: AbortSignal;
  /** Of the budget. */
  secondsLeft(): number;
}

export interface Confirmed {
  /** With fresh numbers where they were timed again. */
  readonly candidates: readonly Candidate[];
  readonly choice: Choice;
  readonly notes: readonly string[];
}

/** A candidate's model with its files, made again where these are gone. */
async function ready({ recipe, made, measured }: Measured, workshop: Workshop): Promise<Scored> {
  if (made.files) return { made, quality: measured };
  const again = await workshop.make(recipe);
  return { made: again, quality: await workshop.score(again) };
}

/** The same candidates with what fresh blocks say of them, timed beside the original in one process. */
async function timedAgain(
  candidates: readonly Measured[],
  { require, workshop, signal }: ConfirmOptions,
  seconds: number,
): Promise<Measured[]> {
  const models: Scored[] = [];
  for (const one of candidates) models.push(await ready(one, workshop));
  const fresh = (found: readonly Measurements[]): Measured[] =>
    candidates.flatMap((one, index) => {
      const [made, measured] = [models[index]?.made ?? one.made, found[index]];
      return measured ? [{ ...one, made, measured, ...judge(measured, require, 'confirming') }] : [];
    });
  const decided = (found: readonly Measurements[]): boolean => {
    const [own, rival] = fresh(found);
    if (!own || speedUndecided(own.measured, require)) return false;
    return own.refused !== null || !rival || asFastIsDecided(own, rival);
  };
  const elapsedSeconds = () => workshop.elapsedSeconds();
  const limits = { ...ROUNDS, seconds, signal, elapsedSeconds, decided };
  return fresh(await timeUntilDecided(workshop.timing(models), limits));
}

/** Whom the choice has to be as fast as, when speed is what counts. */
const rivalsOf = ({ front }: Choice, chosen: Measured, objective: Objective): Measured[] => {
  const rival = objective === 'latency' ? fastest(front.filter((one) => one !== chosen)) : null;
  return rival ? [rival] : [];
};

/** What would be chosen if it were as fast after all: smaller than the choice, and refused for a speed that is not certain. */
function doubted(candidates: readonly Candidate[], { chosen }: Choice, { require }: ConfirmOptions): Measured[] {
  return candidates
    .filter(isMeasured)
    .filter(({ refused, measured }) => refused !== null && deservesAnotherHearing(measured, require))
    .filter(({ made }) => chosen === null || made.bytes < chosen.made.bytes)
    .toSorted((a, b) => a.made.bytes - b.made.bytes);
}

/**
 * Times the choice again beside the original and its fastest rival, in fresh blocks that had no part in choosing it: the best of many noisy
 * numbers is too good. What these show counts instead of the old, and whatever is the choice then is confirmed in its turn. While the budget
 * allows, so is before it what noise alone may have refused.
 * @throws ServiceError from the workshop
 */
export async function confirmChoice(found: readonly Candidate[], options: ConfirmOptions): Promise<Confirmed> {
  const { objective, require, secondsLeft } = options;
  let candidates = found;
  const heard = new Set<string>();
  const notes: string[] = [];
  const isNew = ({ recipe }: Measured) => !heard.has(nameOf(recipe));
  for (;;) {
    const choice = choose(candidates, objective, maxDrop(require));
    const another = secondsLeft() > 0 ? doubted(candidates, choice, options).find(isNew) : undefined;
    const next = another ?? choice.chosen;
    if (!next || !isNew(next)) return { candidates, choice, notes };
    heard.add(nameOf(next.recipe));
    const seconds = another ? secondsLeft() / 2 : secondsLeft();
    const again = await timedAgain([next, ...rivalsOf(choice, next, objective)], options, seconds);
    candidates = candidates.map((one) => again.find(({ recipe }) => recipe === one.recipe) ?? one);
    notes.push(noteOn(nameOf(next.recipe), next, again));
  }
}

function noteOn(name: string, before: Measured, [own, rival]: readonly Measured[]): string {
  const was = `${name}, ${before.measured.speedup.value.toFixed(2)}x in the search, was timed again in fresh blocks`;
  if (!own) return `${was}.`;
  const beside = rival ? ` (${nameOf(rival.recipe)} beside it: ${speedWords(rival.measured.speedup)})` : '';
  const end = own.refused === null ? '' : ', and refused';
  return `${was}: ${speedWords(own.measured.speedup)}${beside}${end}.`;
}
