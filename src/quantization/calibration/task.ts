import type { Model } from '../../onnx/ir/graph.js';
import { ServiceError } from '../../platform/errors.js';
import { type QuantizationSamples, sampleRows } from '../samples.js';

/** A model to be run over samples, row by row, while some of its values are watched. */
export interface CalibrationTask {
  readonly model: Model;
  /** Float values of the main graph. */
  readonly values: readonly string[];
  readonly samples: QuantizationSamples;
  readonly indices: readonly number[];
  readonly threads: number;
  readonly scratch: string;
  readonly signal: AbortSignal;
  readonly progress: (fraction: number) => void;
  /** Told after each run of a pass how many are done of how many. */
  readonly kept?: (done: number, total: number) => Promise<void>;
}

/** The rows to run. @throws ServiceError dataset_too_small without one whole batch */
export function calibrationRows({ indices, samples }: Pick<CalibrationTask, 'indices' | 'samples'>): number[][] {
  const rows = sampleRows(indices, samples);
  if (rows.length > 0) return rows;
  throw new ServiceError('dataset_too_small', `Calibration has ${indices.length} samples, less than one batch.`, {
    hint: `The model takes ${samples.batch ?? 1} samples at a time: add samples, or widen the calibration split.`,
  });
}
