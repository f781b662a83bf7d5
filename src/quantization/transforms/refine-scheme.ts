import { asksForRefinements, type Refinements, TRANSFORMS, type TransformName } from '../../contracts/refinements.js';
import type { RefinementReport } from '../../contracts/report.js';
import type { Model } from '../../onnx/ir/graph.js';
import { ServiceError } from '../../platform/errors.js';
import { applyScheme, type IntegerScheme, type SchemeOptions } from '../apply-scheme.js';
import { type OutputSqnr, outputSqnr } from '../calibration/output-sqnr.js';
import { SCORED_SAMPLES } from '../calibration/score-presets.js';
import { withModelSession } from '../model-session.js';
import { withUniqueNames } from '../names.js';
import { PLAIN_NUMBERS } from '../rewriting.js';
import type { QuantizationSamples } from '../samples.js';
import { shapesOnSample } from '../shapes.js';
import { earnsItsPlace } from './earns-its-place.js';
import { equalize } from './equalize.js';
import { stemLayers } from './float-stem.js';
import { NUMBER_REFINEMENTS, type Refined } from './refined-numbers.js';
import { smooth } from './smooth.js';
import type { Transform } from './transform.js';

/** Samples that calibrate while variants of a transform are compared; the best is calibrated on all. */
const TRIAL_SAMPLES = 32;

const REWRITES: Readonly<Record<Exclude<TransformName, 'float_stem'>, Transform>> = { equalize, smooth };
const STEM = 'The first layer stays in float: float_stem.';

/** The best so far, and what it was made from. */
interface State extends Refined {
  /** Of its outputs against those of the float model that was given; null without samples. */
  readonly quality: OutputSqnr | null;
}

/** Tries one refinement after the other and keeps each only where the outputs come out nearer to FP32 on samples that did not calibrate. */
class Refiner {
  readonly #reports: RefinementReport[] = [];

  constructor(
    readonly given: SchemeOptions,
    private best: State,
  ) {}

  async run(asked: Refinements): Promise<IntegerScheme> {
    this.best = { ...this.best, quality: await this.#score(this.best.scheme.model) };
    const wanted = asked.transforms.length + NUMBER_REFINEMENTS.filter((each) => each.asked(asked) !== null).length;
    const advance = () => this.given.progress('rewrite', this.#reports.length / wanted);
    for (const name of TRANSFORMS) {
      if (!asked.transforms.includes(name)) continue;
      advance();
      if (name === 'float_stem') await this.#keepStem();
      else await this.#rewrite(name, REWRITES[name]);
    }
    for (const { asked: nameOf, refine, needsSamples } of NUMBER_REFINEMENTS) {
      const name = nameOf(asked);
      if (name === null) continue;
      advance();
      this.given.signal.throwIfAborted();
      if (needsSamples) this.#samples(name);
      const numbers = { ...this.best.numbers, ...(await refine(this.best)) };
      const scheme = { ...this.best.scheme, ...this.best.scheme.rebuild(numbers) };
      await this.#compare(name, { ...this.best, scheme, numbers });
    }
    return { ...this.best.scheme, refinements: this.#reports };
  }

  /** The signal to noise of the outputs; null without samples. */
  async #score(model: Model): Promise<OutputSqnr | null> {
    const { samples, calibration, selection, threads, scratch, signal, model: reference } = this.given;
    const indices = (selection.length > 0 ? selection : calibration).slice(0, SCORED_SAMPLES * (samples?.batch ?? 1));
    if (!samples || indices.length === 0) return null;
    const session = { threads, scratch };
    return withModelSession(reference, session, (float) =>
      withModelSession(model, session, (quantized) => outputSqnr(float, quantized, { samples, indices, signal })),
    );
  }

  /** Keeps what earns its place. */
  async #compare(name: string, tried: Refined, variant?: string): Promise<void> {
    const quality = await this.#score(tried.scheme.model);
    const judged = earnsItsPlace(this.best.quality, quality);
    if (judged.kept) this.best = { ...tried, quality };
    this.#reports.push({ name, ...judged, ...(variant !== undefined && { variant }) });
  }

  /** @throws ServiceError dataset_required */
  #samples(name: string): QuantizationSamples {
    const { samples, calibration } = this.given;
    if (samples && calibration.length > 0) return samples;
    throw new ServiceError('dataset_required', `"${name}" looks at activations on samples, and there are none.`, {
      hint: 'Name a dataset in the job, or leave it out.',
    });
  }

  #nothingToDo(name: string): void {
    this.#reports.push({ ...earnsItsPlace(this.best.quality, null), name, kept: false });
  }

  async #keepStem(): Promise<void> {
    const { options } = this.best;
    const stem = stemLayers(options.model.graph);
    const integer = [...this.best.scheme.plan.decisions.values()].filter(({ reason }) => reason === null);
    if (!integer.some(({ node }) => stem.includes(node.name))) return this.#nothingToDo('float_stem');
    const keptInFloat = new Map([...options.keptInFloat, ...stem.map((name) => [name, STEM] as const)]);
    await this.#tryModel('float_stem', { ...options, keptInFloat });
  }

  async #rewrite(name: TransformName, transform: Transform): Promise<void> {
    const samples = this.#samples(name);
    const { options } = this.best;
    const few = options.calibration.slice(0, TRIAL_SAMPLES * (samples.batch ?? 1));
    const variants = await transform({ ...options, samples, calibration: few });
    const tried: { variant: string; options: SchemeOptions; decibel: number }[] = [];
    for (const { name: variant, apply } of variants) {
      this.given.signal.throwIfAborted();
      const { model, changes } = await apply();
      if (changes === 0) continue;
      const next = await this.#optionsFor(model);
      const scheme = await applyScheme({ ...next, calibration: few, progress: () => {} });
      const decibel = (await this.#score(scheme.model))?.decibel ?? 0;
      tried.push({ variant: `${variant}, ${changes} places`, options: next, decibel });
    }
    const [first, ...others] = tried;
    if (!first) return this.#nothingToDo(name);
    const best = others.reduce((kept, next) => (next.decibel > kept.decibel ? next : kept), first);
    await this.#tryModel(name, best.options, best.variant);
  }

  async #tryModel(name: TransformName, options: SchemeOptions, variant?: string): Promise<void> {
    const scheme = await applyScheme({ ...options, progress: () => {} });
    await this.#compare(name, { options, scheme, numbers: this.best.numbers }, variant);
  }

  /** What a rewritten model changes: its values have shapes of their own. */
  async #optionsFor(rewritten: Model): Promise<SchemeOptions> {
    const { options } = this.best;
    const { samples, calibration, threads, scratch } = options;
    const model = { ...rewritten, graph: { ...rewritten.graph, nodes: withUniqueNames(rewritten.graph.nodes) } };
    const shapes = await shapesOnSample(model, samples, calibration, { threads, scratch });
    return { ...options, model, shapes };
  }
}

/**
 * A scheme with what was asked for beyond it. Every part is compared with and without on selection samples, and dropped when the outputs
 * are further from FP32 with it: a refinement never harms in silence.
 * @throws ServiceError as applyScheme; dataset_required for a transform that looks at activations
 */
export async function refineScheme(options: SchemeOptions, asked: Refinements): Promise<IntegerScheme> {
  const scheme = await applyScheme(options);
  if (!asksForRefinements(asked)) return scheme;
  return new Refiner(options, { options, scheme, numbers: PLAIN_NUMBERS, quality: null }).run(asked);
}
