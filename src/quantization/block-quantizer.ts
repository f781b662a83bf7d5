import type { Model } from '../onnx/ir/graph.js';
import { type BlockOptions, type BlockWeights, quantizeInBlocks } from './block-weights.js';
import { type BlockedOperand, blockedOperands } from './blocked-operands.js';
import type { BlockedWeights, StoredBlocks } from './blocked-weights.js';
import { breathing } from './breathe.js';
import { type InputProducts, measureInputProducts, productBytes } from './calibration/input-products.js';
import { SCORED_SAMPLES, type Scored, scorePresets } from './calibration/score-presets.js';
import type { CalibrationTask } from './calibration/task.js';
import { isSound, quantizeByGptq } from './gptq.js';
import { listed } from './listed-names.js';
import type { Plan } from './plan.js';
import type { QuantizationSamples } from './samples.js';
import { tapGroups } from './tapped-values.js';
import type { Shapes } from './workload.js';

/** A way to round weights. */
export type WeightMethod = Exclude<BlockOptions['method'], 'auto'>;

/** Samples whose inputs GPTQ looks at: their rows or windows are many times more. */
const GPTQ_SAMPLES = 64;
const UNMEASURABLE = 'Their inputs are constants, or too wide to be measured.';
const OVERFLOWED = 'What their inputs gave on the calibration samples is no finite number, or overflows.';
/** About as many steps the dearest method without data takes for a weight: three starts of ten rounds. */
const STEPS_PER_WEIGHT = 30;

export interface BlockQuantizerOptions extends Omit<CalibrationTask, 'values' | 'samples' | 'indices' | 'progress'> {
  readonly weights: BlockOptions;
  readonly samples: QuantizationSamples | null;
  readonly calibration: readonly number[];
  /** Samples that methods are compared on; without any, those of calibration. */
  readonly selection: readonly number[];
  readonly shapes: Shapes;
  readonly progress: (phase: 'calibrate' | 'rewrite', fraction: number) => void;
}

/** A method that was compared with others. */
export interface JudgedMethod extends Scored<WeightMethod> {
  readonly chosen: boolean;
}

/** Rounds the weights of plans to few bits; what one plan has needed is known when the next one comes. */
export class BlockQuantizer {
  readonly #known = new Map<string, BlockWeights>();
  /** Weights that GPTQ found no use for samples for, with the reason. */
  readonly #toNearest = new Map<string, string>();

  constructor(readonly options: BlockQuantizerOptions) {}

  /** The methods that a step asks for, that of a first attempt in front. Without data, nothing could judge: the safest alone. */
  get methods(): readonly [WeightMethod, ...WeightMethod[]] {
    const { weights, samples, calibration } = this.options;
    if (weights.method !== 'auto') return [weights.method];
    if (!samples || calibration.length === 0) return ['rtn'];
    return weights.symmetric ? ['rtn', 'mse', 'gptq'] : ['rtn', 'mse', 'hqq', 'gptq'];
  }

  /**
   * The weights of a plan by one method. GPTQ rounds to nearest where a weight's inputs cannot be measured.
   * @throws RangeError when a weight is not finite; ServiceError dataset_too_small, model_run_failed; the reason of the signal
   */
  async quantize(plan: Plan, method: WeightMethod): Promise<BlockedWeights> {
    const operands = blockedOperands(plan, this.options.shapes);
    const key = ({ name, stored }: BlockedOperand) => `${method} ${stored === null} ${name}`;
    const missing = operands.filter((operand) => !this.#known.has(key(operand)));
    const measurable = method === 'gptq' ? missing.filter(({ inputs }) => inputs !== null) : [];
    for (const operand of missing) {
      if (measurable.includes(operand)) continue;
      if (method === 'gptq') this.#toNearest.set(operand.name, UNMEASURABLE);
      this.#known.set(key(operand), await this.#byItself(operand, method));
    }
    await this.#byGptq(measurable, (operand, blocks) => this.#known.set(key(operand), blocks));
    const multiplied = new Map<string, BlockWeights>();
    const stored = new Map<string, StoredBlocks>();
    for (const operand of operands) {
      const blocks = this.#known.get(key(operand));
      if (!blocks) throw new Error(`${operand.name} was not quantized`);
      if (operand.stored) stored.set(operand.name, { shape: operand.stored, blocks });
      else multiplied.set(operand.name, blocks);
    }
    return { multiplied, stored };
  }

  /** What a report should say of a method: weights that it could not treat. */
  notes(method: WeightMethod): string[] {
    if (method !== 'gptq') return [];
    const byReason = new Map<string, string[]>();
    for (const [name, reason] of this.#toNearest) byReason.set(reason, [...(byReason.get(reason) ?? []), name]);
    return [...byReason].map(([reason, names]) => `Rounded to nearest, not by gptq: ${listed(names)}. ${reason}`);
  }

  /**
   * Compares whole models when there is more than one method, by their outputs on selection samples; none were compared when there is one.
   * @param build a model with the weights of one method
   */
  async judge(plan: Plan, build: (blocked: BlockedWeights) => Model): Promise<readonly JudgedMethod[]> {
    const { samples, calibration, selection } = this.options;
    if (!samples || this.methods.length === 1 || blockedOperands(plan, this.options.shapes).length === 0) return [];
    const models = new Map<WeightMethod, Model>();
    for (const method of this.methods) models.set(method, build(await this.quantize(plan, method)));
    const indices = (selection.length > 0 ? selection : calibration).slice(0, SCORED_SAMPLES * (samples.batch ?? 1));
    const task = { ...this.options, samples, indices };
    const progress = (fraction: number) => this.options.progress('rewrite', fraction);
    const scored = await scorePresets({ ...task, progress }, this.methods, (method) => models.get(method) as Model);
    const best = scored.reduce((kept, next) => (next.decibel > kept.decibel ? next : kept));
    return scored.map((each) => ({ ...each, chosen: each === best }));
  }

  #byItself({ shape, at }: BlockedOperand, method: WeightMethod): Promise<BlockWeights> {
    const breathe = breathing(this.options.signal);
    const options = { ...this.options.weights, method: method === 'gptq' ? ('rtn' as const) : method };
    return quantizeInBlocks(shape, at, options, () => breathe(shape.k * STEPS_PER_WEIGHT));
  }

  /** As many weights at once as their products fit the bound on tapped values: memory stays bounded for any model. */
  async #byGptq(
    operands: readonly BlockedOperand[],
    done: (operand: BlockedOperand, blocks: BlockWeights) => void,
  ): Promise<void> {
    const { samples, calibration, weights, signal, progress } = this.options;
    const wanted = new Map(operands.flatMap(({ inputs }) => (inputs ? [[inputs.key, inputs]] : [])));
    const groups = tapGroups(new Map([...wanted].map(([key, inputs]) => [key, productBytes(inputs)])));
    const indices = calibration.slice(0, GPTQ_SAMPLES * (samples?.batch ?? 1));
    for (const [position, keys] of groups.entries()) {
      if (!samples) throw new Error('gptq looks at samples, and there are none');
      const report = (fraction: number) => progress('calibrate', (position + fraction) / groups.length);
      const inputs = [...wanted.values()].filter(({ key }) => keys.includes(key));
      const products = await measureInputProducts({ ...this.options, samples, indices, progress: report }, inputs);
      for (const operand of operands) {
        if (!keys.includes(operand.inputs?.key ?? '')) continue;
        const hessian = hessians(operand, products);
        if (!(products.get(operand.inputs?.key ?? '') ?? []).every((values) => isSound({ k: operand.shape.k, values })))
          this.#toNearest.set(operand.name, OVERFLOWED);
        done(operand, await quantizeByGptq(operand.shape, operand.at, hessian, weights, breathing(signal)));
      }
    }
  }
}

/** The Hessian of each output channel's inputs. */
function hessians({ name, shape, inputs }: BlockedOperand, products: InputProducts) {
  const groups = (products.get(inputs?.key ?? '') ?? []).map((values) => ({ k: shape.k, values }));
  const channelsPerGroup = shape.channels / Math.max(1, groups.length);
  return (channel: number) => {
    const hessian = groups[Math.floor(channel / channelsPerGroup)];
    if (!hessian) throw new Error(`the inputs of ${name} were not measured`);
    return hessian;
  };
}
