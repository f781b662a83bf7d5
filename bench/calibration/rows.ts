import type { Calibration } from '../../src/contracts/quantize-step.js';

/** A static quantization that is measured. */
export interface Row {
  readonly title: string;
  /** Of the benchmark of quantization. */
  readonly benchCase: 'rec' | 'resnet' | 'mobilenet';
  readonly method: Extract<Calibration['method'], 'minmax' | 'percentile' | 'entropy'>;
  readonly samples: number;
  /** Kinds of nodes to quantize, whether they pay or not. */
  readonly operators: readonly string[];
  /** The peer holds every activation of every sample for histograms: where that is more than a machine has, only we are measured. */
  readonly peer: boolean;
}

const OPERATORS = { rec: ['Conv', 'MatMul'], resnet: ['Conv', 'Gemm'], mobilenet: ['Conv', 'Gemm'] } as const;

const row = (benchCase: Row['benchCase'], method: Row['method'], samples: number, peer = true): Row => ({
  ...{ title: `${benchCase}, ${method}, ${samples} samples`, benchCase, method, samples, peer },
  operators: OPERATORS[benchCase],
});

/** Asked of each: at most half the wall time and half the memory of the peer; of the last two, memory that does not grow with the samples. */
export const ROWS: Readonly<Record<string, Row>> = {
  'rec-minmax': row('rec', 'minmax', 60),
  'rec-percentile': row('rec', 'percentile', 60),
  'rec-entropy': row('rec', 'entropy', 60),
  'resnet-minmax': row('resnet', 'minmax', 200),
  'resnet-percentile': row('resnet', 'percentile', 200),
  'resnet-entropy': row('resnet', 'entropy', 200),
  'samples-256': row('mobilenet', 'percentile', 256, false),
  'samples-4096': row('mobilenet', 'percentile', 4096, false),
};
