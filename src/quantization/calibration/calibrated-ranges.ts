import type { Calibration } from '../../contracts/quantize-step.js';
import type { Model } from '../../onnx/ir/graph.js';
import { BITS, elementCount } from '../../onnx/ir/tensor.js';
import {
  type ActivationFormat,
  type QuantizationParameters,
  quantizationParameters,
  type Range,
} from '../parameters.js';
import { calibratedValues, type Plan } from '../plan.js';
import type { QuantizationSamples } from '../samples.js';
import type { Shapes } from '../workload.js';
import { type Calibrating, calibrate } from './calibrate.js';
import type { CalibrationMemory, Measurements } from './calibration-memory.js';
import { calibrationNotes } from './calibration-notes.js';
import { type Preset, presetsOf } from './range-methods.js';
import type { OverriddenRange, RangeOverrides } from './range-overrides.js';
import { SCORED_SAMPLES, type Scored, scorePresets } from './score-presets.js';
import type { CalibrationTask } from './task.js';

export interface RangingOptions extends Omit<CalibrationTask, 'values' | 'samples' | 'indices' | 'progress'> {
  readonly samples: QuantizationSamples | null;
  readonly calibration: readonly number[];
  /** Samples that presets are compared on; without any, those of calibration. */
  readonly selection: readonly number[];
  readonly ranging: Calibration;
  /** Ranges that the request gives by name. */
  readonly overrides: RangeOverrides;
  readonly format: ActivationFormat;
  readonly shapes: Shapes;
  /** What was measured before on these samples, and is kept for whoever comes after. */
  readonly calibrationMemory: CalibrationMemory;
  readonly progress: (phase: 'calibrate' | 'rewrite', fraction: number) => void;
}

/** A preset that was compared with others. */
export interface JudgedPreset extends Scored<Preset> {
  readonly chosen: boolean;
}

/** What was measured on the samples of one quantization; a plan that changes adds what it newly needs. */
export class CalibratedRanges {
  readonly #ranges: ReadonlyMap<Preset, Map<string, Range>>;
  readonly #measured = new Set<string>();
  readonly #first: Preset;
  #known: Measurements | null = null;

  constructor(readonly options: RangingOptions) {
    const presets = presetsOf(options.ranging);
    this.#ranges = new Map(presets.map((preset) => [preset, new Map()]));
    this.#first = presets[0];
  }

  /** How many tensors have a range. */
  get tensors(): number {
    return this.#measured.size;
  }

  /** What a report should say of the samples and of the ranges that were given. */
  get notes(): string[] {
    const { calibration, overrides } = this.options;
    const measured = [...(this.#known?.extremes ?? [])].filter(([value]) => this.#measured.has(value));
    return [...overrides.notes(), ...calibrationNotes(new Map(measured), calibration.length)];
  }

  /** Scale and zero point of everything measured, by one preset; by default the first. */
  parameters(preset: Preset = this.#first): Map<string, QuantizationParameters> {
    const ranges = this.#ranges.get(preset) ?? [];
    const { integers, symmetric } = this.options.format;
    return new Map(
      [...ranges].map(([value, range]) => [value, quantizationParameters(range, integers, { symmetric })]),
    );
  }

  /** Measures what the plan needs and is not known yet. @throws ServiceError dataset_too_small, model_run_failed */
  async measure(plan: Plan): Promise<void> {
    const { samples, calibration: indices, shapes, calibrationMemory: memory, format } = this.options;
    const values = calibratedValues(plan).filter((value) => !this.#measured.has(value));
    if (!samples || values.length === 0) return;
    const progress = (fraction: number) => this.options.progress('calibrate', fraction);
    const task = { ...this.options, samples, indices, values, progress };
    const bytes = (value: string) => (elementCount(shapes.get(value)?.dims ?? [0]) * BITS.float32) / 8;
    const given = this.options.overrides.of(values, plan);
    const ordinary = values.filter((value) => given.get(value)?.kind !== 'method');
    this.#known ??= await memory.of(task.model, indices);
    const known = this.#known;
    const calibrating = { task: { ...task, values: ordinary }, bytes, format, memory, known };
    for (const [preset, found] of await calibrate(calibrating, [...this.#ranges.keys()]))
      for (const [value, range] of found) this.#ranges.get(preset)?.set(value, range);
    for (const [value, range] of await givenRanges(calibrating, given))
      for (const ranges of this.#ranges.values()) ranges.set(value, range);
    for (const value of values) this.#measured.add(value);
  }

  /** Compares whole models when there is more than one preset; none were compared when there is only one. */
  async judge(build: (preset: Preset) => Model): Promise<readonly JudgedPreset[]> {
    const { samples, calibration, selection } = this.options;
    const presets = [...this.#ranges.keys()];
    if (!samples || presets.length === 1 || this.tensors === 0) return [];
    const indices = (selection.length > 0 ? selection : calibration).slice(0, SCORED_SAMPLES * (samples.batch ?? 1));
    const progress = (fraction: number) => this.options.progress('rewrite', fraction);
    const scored = await scorePresets({ ...this.options, samples, indices, progress }, presets, build);
    const best = scored.reduce((kept, next) => (next.decibel > kept.decibel ? next : kept));
    return scored.map((each) => ({ ...each, chosen: each === best }));
  }
}

/** What a request says of values by name; those with a method of their own are measured. */
async function givenRanges(
  calibrating: Calibrating,
  given: ReadonlyMap<string, OverriddenRange>,
): Promise<Map<string, Range>> {
  const ranges = new Map<string, Range>();
  const byMethod = new Map<Calibration, string[]>();
  for (const [value, said] of given) {
    if (said.kind === 'fixed') ranges.set(value, said.range);
    else byMethod.set(said.ranging, [...(byMethod.get(said.ranging) ?? []), value]);
  }
  for (const [ranging, values] of byMethod) {
    const [preset] = presetsOf(ranging);
    const found = await calibrate({ ...calibrating, task: { ...calibrating.task, values } }, [preset]);
    for (const [value, range] of found.get(preset) ?? []) ranges.set(value, range);
  }
  return ranges;
}
