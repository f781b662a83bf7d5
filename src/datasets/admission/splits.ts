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
  /** Whether the job trains: then evaluation takes a share only, and selection is set aside. */
  readonly training?: boolean;
}

/** Of the samples that no range of the manifest claims: an eighth to choose between candidates, a third for ranges, which settle quickly. */
const SELECTION_SHARE = 1 / 8;
const CALIBRATION_SHARE = 1 / 3;
/** Of the same samples, when the job trains: a fifth to evaluate on. */
const EVALUATION_SHARE = 1 / 5;
/** To choose between candidates that are asked again and again, and between what was trained and what was not, where half a point may decide. */
const MAX_SELECTION = { search: 500, training: 2000 } as const;
/** Below, calibration, selection and evaluation cannot all say anything. */
const MIN_SPLIT_SAMPLES = 10;
/** A stated calibration range gives up a fifth for selection when nothing else is left, if it has this many. */
const MIN_SHARED_CALIBRATION = 10;
const SHARED_CALIBRATION = 1 / 5;

/** How many samples serve each purpose, known without drawing any. */
export interface SplitSizes extends Readonly<Record<SplitName, number>> {
  readonly source: Splits['source'];
  /** Where selection takes the first of the samples drawn, when nothing else was left for it. */
  readonly selectionFrom: 'calibration' | 'training' | null;
}

/**
 * The sizes of the splits of `count` samples. A split that the manifest states takes its samples from its range; the others share
 * what no range claims: selection and calibration by their shares, evaluation up to what is wanted, training what is left over.
 * Costs the same for any count. The manifest has been checked against the dataset.
 * @throws ServiceError dataset_too_small with the numbers.
 */
export function splitSizes(count: number, { splits }: DatasetManifest, wanted: WantedSamples): SplitSizes {
  const stated = new Map<SplitName, number>();
  for (const name of SPLIT_NAMES) {
    const bounds = splits?.[name];
    if (bounds) stated.set(name, bounds[1] - bounds[0]);
  }
  const calibrates = wanted.calibration > 0;
  const { training: trains = false } = wanted;
  const mostSelected = MAX_SELECTION[trains ? 'training' : 'search'];
  if ((calibrates || trains) && stated.size === 0 && count < MIN_SPLIT_SAMPLES)
    throw tooSmall(
      `The dataset holds ${count} samples; calibration, training and evaluation need at least ${MIN_SPLIT_SAMPLES}.`,
    );
  const unclaimed = count - [...stated.values()].reduce((sum, size) => sum + size, 0);
  let free = unclaimed;
  const take = (name: SplitName, size: number, share = 1): number => {
    const range = stated.get(name);
    if (range !== undefined) return Math.min(range, size);
    const taken = Math.min(size, Math.floor(unclaimed * share), free);
    free -= taken;
    return taken;
  };

  let selection = calibrates || trains ? take('selection', mostSelected, SELECTION_SHARE) : 0;
  let calibration = calibrates
    ? take('calibration', wanted.calibration, stated.has('evaluation') ? 1 : CALIBRATION_SHARE)
    : 0;
  const evaluation = take('evaluation', wanted.evaluation, trains ? EVALUATION_SHARE : 1);
  let training = stated.get('training') ?? free;
  let selectionFrom: SplitSizes['selectionFrom'] = null;
  if (trains && selection === 0) {
    selectionFrom = 'training';
    selection = Math.min(mostSelected, Math.floor(training * SELECTION_SHARE));
    training -= selection;
  } else if (calibrates && selection === 0 && calibration >= MIN_SHARED_CALIBRATION) {
    selectionFrom = 'calibration';
    selection = Math.floor(calibration * SHARED_CALIBRATION);
    calibration -= selection;
  }
  if (trains && (training === 0 || selection === 0))
    throw tooSmall(`Too few of the ${count} samples are left for training and selection.`);
  if (calibrates && calibration === 0) throw tooSmall(`None of the ${count} samples is left for calibration.`);
  if (evaluation === 0) throw tooSmall(`None of the ${count} samples is left for evaluation.`);
  const source = stated.size > 0 ? 'manifest' : 'seeded';
  return { calibration, training, selection, evaluation, source, selectionFrom };
}

/**
 * Keeps calibration, training, selection and evaluation samples apart, by the sizes of `splitSizes`: drawn by chance from a stated
 * range that has more than are wanted, and from what no range claims after a seeded shuffle.
 * @throws ServiceError dataset_too_small with the numbers.
 */
export function planSplits(count: number, manifest: DatasetManifest, wanted: WantedSamples, seed: number): Splits {
  const sizes = splitSizes(count, manifest, wanted);
  const random = seededRandom(derivedSeed(seed, 'splits'));
  const stated = new Map<SplitName, number[]>();
  for (const name of SPLIT_NAMES) {
    const bounds = manifest.splits?.[name];
    if (bounds) stated.set(name, shuffled(indices(...bounds), random));
  }
  const claimed = new Set([...stated.values()].flat());
  const free = shuffled(
    indices(0, count).filter((index) => !claimed.has(index)),
    random,
  );
  const take = (name: SplitName, size: number): number[] => stated.get(name)?.slice(0, size) ?? free.splice(0, size);

  const { selectionFrom } = sizes;
  const shared = (name: SplitName) => (selectionFrom === name ? sizes.selection : 0);
  const own = take('selection', selectionFrom === null ? sizes.selection : 0);
  const calibration = take('calibration', sizes.calibration + shared('calibration'));
  const evaluation = take('evaluation', sizes.evaluation);
  const training = stated.get('training') ?? free;
  const lent = selectionFrom === null ? [] : { calibration, training }[selectionFrom].slice(0, sizes.selection);
  return {
    calibration: ascending(calibration.slice(shared('calibration'))),
    training: ascending(training.slice(shared('training'))),
    selection: ascending([...own, ...lent]),
    evaluation: ascending(evaluation),
    source: sizes.source,
  };
}

const indices = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

const ascending = (list: readonly number[]): number[] => list.toSorted((a, b) => a - b);

const tooSmall = (detail: string): ServiceError =>
  new ServiceError('dataset_too_small', detail, {
    hint: 'Upload more samples, or state other splits in the manifest.',
  });
