import { type DatasetManifest, SPLIT_NAMES, type SplitName } from '../../contracts/dataset.js';
import { ServiceError } from '../../platform/errors.js';
import { derivedSeed, seededRandom, shuffled } from '../../platform/random.js';

/** Which samples serve which purpose: disjoint, each list ascending. */
export interface Splits extends Readonly<Record<SplitName, readonly number[]>> {
  readonly source: 'manifest' | 'seeded';
}

export interface WantedSamples {
  /** Samples to measure activation ranges on; 0 when the job does not calibrate, then nothing is set aside for selection either. */
  readonly calibration: number;
  readonly evaluation: number;
}

/** Of the samples that no range of the manifest claims: an eighth to choose between candidates, a third for ranges, which settle quickly. */
const SELECTION_SHARE = 1 / 8;
const CALIBRATION_SHARE = 1 / 3;
/** Choosing does not get better with more. */
const MAX_SELECTION = 500;
/** Below, calibration, selection and evaluation cannot all say anything. */
const MIN_SPLIT_SAMPLES = 10;
/** A stated calibration range gives up a fifth for selection when nothing else is left, if it has this many. */
const MIN_SHARED_CALIBRATION = 10;
const SHARED_CALIBRATION = 1 / 5;

/**
 * Keeps calibration, training, selection and evaluation samples apart. A split that the manifest states takes its samples from its range,
 * by chance when the range has more than are wanted; the others share what no range claims, after a seeded shuffle: selection and calibration by
 * their shares, evaluation up to what is wanted, training what is left over.
 * @throws ServiceError dataset_too_small with the numbers.
 */
export function planSplits(count: number, manifest: DatasetManifest, wanted: WantedSamples, seed: number): Splits {
  const random = seededRandom(derivedSeed(seed, 'splits'));
  const stated = new Map<SplitName, number[]>();
  for (const name of SPLIT_NAMES) {
    const bounds = manifest.splits?.[name];
    if (bounds) stated.set(name, shuffled(indices(...bounds), random));
  }
  const calibrates = wanted.calibration > 0;
  if (calibrates && stated.size === 0 && count < MIN_SPLIT_SAMPLES)
    throw tooSmall(
      `The dataset holds ${count} samples; calibration and evaluation need at least ${MIN_SPLIT_SAMPLES}.`,
    );
  const claimed = new Set([...stated.values()].flat());
  const free = shuffled(
    indices(0, count).filter((index) => !claimed.has(index)),
    random,
  );
  const unclaimed = free.length;
  const take = (name: SplitName, size: number, share = 1): number[] =>
    stated.get(name)?.slice(0, size) ?? free.splice(0, Math.min(size, Math.floor(unclaimed * share)));

  let selection = calibrates ? take('selection', MAX_SELECTION, SELECTION_SHARE) : [];
  let calibration = calibrates
    ? take('calibration', wanted.calibration, stated.has('evaluation') ? 1 : CALIBRATION_SHARE)
    : [];
  const evaluation = take('evaluation', wanted.evaluation);
  if (calibrates && selection.length === 0 && calibration.length >= MIN_SHARED_CALIBRATION) {
    const shared = Math.floor(calibration.length * SHARED_CALIBRATION);
    selection = calibration.slice(0, shared);
    calibration = calibration.slice(shared);
  }
  if (calibrates && calibration.length === 0) throw tooSmall(`None of the ${count} samples is left for calibration.`);
  if (evaluation.length === 0) throw tooSmall(`None of the ${count} samples is left for evaluation.`);
  return {
    calibration: ascending(calibration),
    training: ascending(stated.get('training') ?? free),
    selection: ascending(selection),
    evaluation: ascending(evaluation),
    source: stated.size > 0 ? 'manifest' : 'seeded',
  };
}

const indices = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

const ascending = (list: readonly number[]): number[] => list.toSorted((a, b) => a - b);

const tooSmall = (detail: string): ServiceError =>
  new ServiceError('dataset_too_small', detail, {
    hint: 'Upload more samples, or state other splits in the manifest.',
  });
