import { deserialize, serialize } from 'node:v8';
import type { Model } from '../../onnx/ir/graph.js';
import { modelDigest } from '../../onnx/serde/model-digest.js';
import { canonicalHash } from '../../platform/canonical-json.js';
import { ONNXRUNTIME_VERSION } from '../../runtime/version.js';
import type { Extremes } from './extremes.js';
import { BINS, Histogram } from './histogram.js';
import type { Pass } from './pass.js';

/** Where measurements outlive the process. */
export interface MeasurementStore {
  load(): Promise<Uint8Array | null>;
  save(bytes: Uint8Array): Promise<void>;
  /** Told when what was loaded cannot be read: it is measured again. */
  discarded(reason: string): void;
}

/** What is known of the values of one model on one choice of samples. */
export interface Measurements {
  readonly extremes: Map<string, Extremes>;
  readonly histograms: Map<string, Histogram>;
  /** The pass that runs, or that a process which died left behind; `values` are what it measures. */
  underway:
    | ({ readonly kind: 'extremes'; readonly values: readonly string[] } & Pass<Extremes>)
    | ({ readonly kind: 'histograms'; readonly values: readonly string[] } & Pass<Histogram>)
    | null;
}

/** Models whose measurements are kept: a search tries many recipes, but few that change the model before it is quantized. */
const MOST_MODELS = 4;
/** A pass is saved this often: a process that dies loses a tenth of it. */
const SAVES_PER_PASS = 10;
/** What is saved; an attempt that finds another version measures again. */
const VERSION = 1;
/** Bytes of what is saved: with its copy while it is written, a quarter of the room that a step has whatever its input. */
const MOST_SAVED_BYTES = 128 * 2 ** 20;
/** The numbers of a histogram, and those of one pair of extremes, names included. */
const HISTOGRAM_BYTES = 2 * 8 * BINS + 256;
const EXTREMES_BYTES = 256;

interface Saved {
  readonly version: number;
  readonly models: ReadonlyMap<string, Measurements>;
}

function estimatedBytes({ extremes, histograms, underway }: Measurements): number {
  const begun = underway?.found.size ?? 0;
  const [moreHistograms, moreExtremes] = underway?.kind === 'histograms' ? [begun, 0] : [0, begun];
  return HISTOGRAM_BYTES * (histograms.size + moreHistograms) + EXTREMES_BYTES * (extremes.size + moreExtremes);
}

/** The latest models that have room. */
function affordable(models: ReadonlyMap<string, Measurements>, mostBytes: number): Map<string, Measurements> {
  let left = mostBytes;
  const latest = [...models].toReversed().filter(([, measurements]) => {
    left -= estimatedBytes(measurements);
    return left >= 0;
  });
  return new Map(latest.toReversed());
}

const nothing = (): Measurements => ({ extremes: new Map(), histograms: new Map(), underway: null });

const restoredHistograms = (found: Map<string, Histogram>) =>
  new Map([...found].map(([value, { range, counts, sums }]) => [value, Histogram.restore(range, counts, sums)]));

/** Structured clones keep the numbers of a histogram and lose its methods. */
function restored(saved: Measurements): Measurements {
  const { underway } = saved;
  return {
    ...saved,
    histograms: restoredHistograms(saved.histograms),
    underway: underway?.kind === 'histograms' ? { ...underway, found: restoredHistograms(underway.found) } : underway,
  };
}

/**
 * What was measured on calibration samples, by model and choice of samples, so that nothing is measured twice: by candidates of one search,
 * by the attempt that follows one which died, or by a later job of the same model and data. For the samples of one dataset.
 */
export class CalibrationMemory {
  #models: Map<string, Measurements> | null = null;
  #found = false;
  #measured = false;

  /** @param mostBytes what is saved at the most, about */
  constructor(
    readonly store: MeasurementStore | null = null,
    readonly mostBytes = MOST_SAVED_BYTES,
  ) {}

  /** Whether all that was asked for had been measured before: by an earlier attempt, or by an earlier job. */
  get reused(): boolean {
    return this.#found && !this.#measured;
  }

  /** What is known of a model on these samples; whoever measures adds to it. */
  async of(model: Model, indices: readonly number[]): Promise<Measurements> {
    const models = (this.#models ??= await this.#load());
    const key = canonicalHash([modelDigest(model), indices, ONNXRUNTIME_VERSION]);
    const known = models.get(key) ?? nothing();
    this.#found ||= models.has(key);
    // Set anew, it is the last to be forgotten.
    models.delete(key);
    models.set(key, known);
    for (const oldest of [...models.keys()].slice(0, -MOST_MODELS)) models.delete(oldest);
    return known;
  }

  /** Notes that a pass begins, or goes on. */
  begin(known: Measurements, pass: Measurements['underway']): void {
    known.underway = pass;
    this.#measured = true;
  }

  /** Keeps a pass that has come this far, now and then. */
  async keep(done: number, total: number): Promise<void> {
    const share = (runs: number) => Math.floor((runs * SAVES_PER_PASS) / total);
    if (share(done) > share(done - 1)) await this.save();
  }

  async save(): Promise<void> {
    if (!this.store || !this.#models) return;
    const models = affordable(this.#models, this.mostBytes);
    if (models.size > 0) await this.store.save(serialize({ version: VERSION, models } satisfies Saved));
  }

  async #load(): Promise<Map<string, Measurements>> {
    const bytes = (await this.store?.load()) ?? null;
    if (bytes === null) return new Map();
    try {
      const { version, models }: Saved = deserialize(bytes);
      if (version !== VERSION) throw new RangeError(`version ${version} is not ${VERSION}`);
      return new Map([...models].map(([key, measurements]) => [key, restored(measurements)]));
    } catch (error) {
      this.store?.discarded(error instanceof Error ? error.message : 'it cannot be read');
      return new Map();
    }
  }
}
