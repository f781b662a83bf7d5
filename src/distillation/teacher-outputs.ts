import { RawArray } from '../datasets/raw-array.js';
import type { Samples } from '../datasets/samples.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import { ServiceError } from '../platform/errors.js';
import type { Session } from '../runtime/session.js';
import { batchAt } from './train.js';

/** What the teacher answers to samples, computed once and read by sample from a file. */
export interface TeacherOutputs {
  /** The answers to these samples, stacked. */
  rows(indices: readonly number[]): Promise<Tensor>;
  close(): Promise<void>;
}

/**
 * Runs the teacher over samples and keeps one output in the file `path`, at constant memory.
 * @throws ServiceError dataset_mismatch when the output is not float32 or has no axis of samples in front, model_run_failed, no_space
 */
export async function teacherOutputs(task: {
  readonly teacher: Session;
  readonly output: string;
  readonly samples: Samples;
  readonly indices: readonly number[];
  readonly batch: number;
  readonly path: string;
  readonly signal: AbortSignal;
  progress(fraction: number): void;
}): Promise<TeacherOutputs> {
  const { teacher, output, samples, indices, batch, signal } = task;
  const answers = async (number: number): Promise<Tensor> => {
    signal.throwIfAborted();
    const feeds = await samples.feeds(batchAt(indices, number, batch));
    const answer = (await teacher.run(feeds, [output])).get(output);
    if (answer?.dtype !== 'float32' || answer.dims[0] !== batch) {
      throw new ServiceError(
        'dataset_mismatch',
        `The teacher's output ${output} is ${answer?.dtype} [${answer?.dims}] for ${batch} samples; float32 with the samples in front is needed.`,
        { hint: 'Name another output in evaluate.output.' },
      );
    }
    return answer;
  };
  const first = await answers(0);
  const count = Math.ceil(indices.length / batch);
  async function* stream() {
    for (let number = 0; number < count; number++) {
      const { bytes } = number === 0 ? first : await answers(number);
      const real = Math.min(batch, indices.length - number * batch);
      yield bytes.subarray(0, (bytes.byteLength / batch) * real);
      task.progress((number + 1) / count);
    }
  }
  const shape = [indices.length, ...first.dims.slice(1)];
  const stored = await RawArray.unpack({ header: { dtype: 'float32', shape }, data: stream() }, task.path, signal);
  const position = new Map(indices.map((index, at) => [index, at]));
  return {
    rows: (wanted) => stored.rows(wanted.map((index) => position.get(index) ?? Number.NaN)),
    close: () => stored.close(),
  };
}
