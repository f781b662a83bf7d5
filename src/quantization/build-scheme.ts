import { has16Bits } from '../contracts/activations.js';
import { needOfSamples, type Scheme as SchemeName, type SettledStep } from '../contracts/quantize-step.js';
import type { Model } from '../onnx/ir/graph.js';
import type { CleanUpResult } from '../onnx/passes/clean-up.js';
import type { RecordedShape } from '../onnx/shapes/record-shapes.js';
import { ServiceError } from '../platform/errors.js';
import type { Scheme, SchemeOptions } from './apply-scheme.js';
import { CalibrationMemory } from './calibration/calibration-memory.js';
import { RangeOverrides } from './calibration/range-overrides.js';
import { halfScheme } from './half/half-scheme.js';
import type { NodeSelection } from './node-selection.js';
import { activationFormat } from './parameters.js';
import type { IntegerArithmetic } from './plan.js';
import type { QuantizationSamples } from './samples.js';
import { storeHalves } from './store-halves.js';
import { refineScheme } from './transforms/refine-scheme.js';

const TOO_COSTLY = 'In INT8 it costs too much of the metric.';

/** How each integer scheme lets nodes run in integer. */
const ARITHMETIC: Partial<Readonly<Record<SchemeName, IntegerArithmetic>>> = {
  int8_static: 'static',
  int8_dynamic: 'dynamic',
  int8_weights: 'weights8',
  int4_weights: 'weights4',
};

export interface BuildOptions extends Pick<SchemeOptions, 'selection' | 'threads' | 'scratch' | 'signal' | 'progress'> {
  readonly step: SettledStep;
  readonly keptInFloat?: readonly string[];
  readonly samples: QuantizationSamples | null;
  readonly calibration: readonly number[];
  readonly cpu: { readonly instructionSets: readonly string[] };
  /** With the names that a caller can know. */
  readonly uploaded: Model;
  readonly cleaned: Model;
  readonly calibrationMemory?: CalibrationMemory;
  readonly tuned: CleanUpResult;
  readonly selected: NodeSelection;
  readonly shapes: ReadonlyMap<string, RecordedShape>;
}

/** What comes nearest and needs no samples. */
const OTHERS_WITHOUT_SAMPLES: Partial<Readonly<Record<SchemeName, string>>> = {
  fp16: 'fp16_weights',
  int4_weights: 'the method rtn',
};

/** @throws ServiceError dataset_required when the scheme measures something and there are no samples */
export function refuseWithoutSamples(step: SettledStep, calibration: readonly number[]): void {
  const need = needOfSamples(step);
  if (need === null || calibration.length > 0) return;
  const other = OTHERS_WITHOUT_SAMPLES[step.scheme] ?? 'int8_dynamic';
  throw new ServiceError('dataset_required', `${need}, and there are none.`, {
    hint: `Name a dataset in the job, or use ${other}, which needs none.`,
  });
}

/** Carries out the scheme that a step names, on the cleaned model. @throws as the scheme does */
export async function buildScheme(options: BuildOptions): Promise<Scheme> {
  const { step, cleaned, tuned, selected, shapes, calibration, samples, progress } = options;
  if (step.scheme === 'fp16_weights') return storeHalves(tuned, selected);
  if (step.scheme === 'fp16' && samples) {
    return halfScheme({
      ...{ ...options, samples, model: cleaned, selected, shapes, indices: calibration },
      keepIoTypes: step.keep_io_types ?? true,
      progress: (fraction) => progress('calibrate', fraction),
    });
  }
  const arithmetic = ARITHMETIC[step.scheme];
  if (!arithmetic) throw new Error(`${step.scheme} is no scheme of numbers`);
  const integer: SchemeOptions = {
    ...{ ...options, model: cleaned, arithmetic, selected, shapes, calibration },
    perChannel: step.per_channel,
    weightBits: step.weight_bits,
    portable: step.portable,
    format: activationFormat(step.activations),
    calibrationMemory: options.calibrationMemory ?? new CalibrationMemory(),
    emulated: has16Bits(step.activations.type),
    overrides: new RangeOverrides(step.calibration, options.uploaded.graph),
    weights: step.weights,
    onlyWhatPays: step.only_what_pays,
    instructionSets: options.cpu.instructionSets,
    keptInFloat: new Map(options.keptInFloat?.map((name) => [name, TOO_COSTLY])),
    ranging: step.calibration,
    progress,
  };
  return refineScheme(integer, step);
}
