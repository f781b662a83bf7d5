import type { LossPlan } from '../distillation/losses/loss-plan.js';
import { scoringProgram, TARGETS, TRAINING_OPSET } from '../distillation/program.js';
import { batchAt, batchesPerEpoch } from '../distillation/train.js';
import { floatsOf } from '../distillation/training-state.js';
import { type Model, node } from '../onnx/ir/graph.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import { withModelSession } from '../quantization/model-session.js';
import { type Feeds, withSession } from '../runtime/session.js';

/** Loss of one batch of a model's outputs against the teacher's. */
type BatchLoss = (outputs: Tensor, teacher: Tensor) => Promise<number>;

const STUDENT = 'student';
const OUTPUT = 'output';

/**
 * Opens a loss as a program of its own, for outputs that another session gave.
 * @param sample outputs of one batch, for their shape
 */
export async function withBatchLoss<Result>(
  loss: LossPlan,
  sample: Tensor,
  use: (batchLoss: BatchLoss) => Promise<Result>,
): Promise<Result> {
  const passing: Model = {
    ...{ irVersion: 8, producer: 'modelpress', opsets: new Map([['', TRAINING_OPSET]]) },
    ...{ functions: [], metadata: new Map() },
    graph: {
      ...{ name: 'loss', nodes: [node('Identity', [STUDENT], [OUTPUT])], inputs: [], outputs: [] },
      ...{ initializers: new Map(), values: new Map() },
    },
  };
  const program = await scoringProgram(passing, {
    ...{ sample: new Map([[STUDENT, sample]]), output: OUTPUT, loss, teacherDims: sample.dims, weights: [] },
  });
  return withSession(program.bytes, { threads: 1 }, (session) =>
    use(async (outputs, teacher) => {
      const feeds = new Map([
        [STUDENT, outputs],
        [TARGETS.teacher, teacher],
      ]);
      const value = (await session.run(feeds, [program.loss])).get(program.loss);
      return value ? (floatsOf(value)[0] ?? Number.NaN) : Number.NaN;
    }),
  );
}

/**
 * Mean loss of a model over samples, its outputs computed as they will be when it is used: by the integer kernels that ONNX Runtime
 * picks for the file, not by a float graph that imitates them.
 * @throws ServiceError model_load_failed, model_run_failed
 */
export function kernelLoss(
  model: Model,
  task: {
    readonly output: string;
    readonly indices: readonly number[];
    readonly batchSize: number;
    readonly batchLoss: BatchLoss;
    inputs(indices: readonly number[]): Promise<Feeds>;
    teacher(indices: readonly number[]): Promise<Tensor>;
    readonly threads: number;
    readonly scratch: string;
    readonly signal: AbortSignal;
  },
): Promise<number> {
  const { indices, batchSize, output, threads, scratch } = task;
  const count = batchesPerEpoch(indices.length, batchSize);
  return withModelSession(model, { threads, scratch }, async (session) => {
    let sum = 0;
    for (let number = 0; number < count; number++) {
      task.signal.throwIfAborted();
      const rows = batchAt(indices, number, batchSize);
      const outputs = (await session.run(await task.inputs(rows), [output])).get(output);
      if (!outputs) throw new Error(`the quantized model gave no ${output}`);
      sum += await task.batchLoss(outputs, await task.teacher(rows));
    }
    return sum / count;
  });
}
