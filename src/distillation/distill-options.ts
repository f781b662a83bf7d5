import type { DistillStep } from '../contracts/distill-step.js';
import type { Samples } from '../datasets/samples.js';
import type { Model } from '../onnx/ir/graph.js';
import type { ExternalFile } from '../runtime/session.js';
import type { CheckpointStore } from './checkpoint-schedule.js';
import type { ProgressOptions } from './training-progress.js';

/** What every training by a teacher is given. */
export interface TaughtTraining {
  readonly teacher: { readonly path: string; readonly external: readonly ExternalFile[] };
  /** The output that is scored and taught, which teacher and student share by name. */
  readonly output: string;
  readonly samples: Samples;
  readonly training: readonly number[];
  readonly selection: readonly number[];
  readonly checkpoints: CheckpointStore;
  readonly threads: number;
  /** The most that the process may hold, in bytes; batches go through the graph in parts when they would take more. */
  readonly memoryLimit?: number;
  /** Channels per block of the CPU's convolution kernels, as `blockSize` gives them. */
  readonly block?: number;
  readonly seed: number;
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** What a distillation is given. */
export interface DistillOptions extends TaughtTraining, ProgressOptions {
  readonly student: Model;
  /** Whether the student's weights are worth something before any training. */
  readonly pretrained: boolean;
  readonly step: Pick<DistillStep, 'loss' | 'hints' | 'training'>;
  /** Whether the samples' labels are classes of the output, so that labels alone could train the student too. */
  readonly labelled: boolean;
}
