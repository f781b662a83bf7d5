import { separateVectors } from '../../channels/separate-vectors.js';
import { shapeArithmetic, withConstants } from '../../channels/shape-arithmetic.js';
import type { Samples } from '../../datasets/samples.js';
import type { Model } from '../../onnx/ir/graph.js';
import type { Tensor } from '../../onnx/ir/tensor.js';
import { cleanUp } from '../../onnx/passes/clean-up.js';
import { encodeModel } from '../../onnx/serde/encode-model.js';
import { recordShapes } from '../../onnx/shapes/record-shapes.js';
import { type Feeds, withSession } from '../../runtime/session.js';
import { prepareStudent } from '../students/prepare-student.js';

/** A teacher as students are cut out of it. */
export interface TeacherNetwork {
  /** Cleaned up, in the training operator set; sizes that do not depend on the batch are constants. */
  readonly model: Model;
  /** Sizes of all values on a few samples. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
}

/** Samples that shapes are recorded on: a prime that is no usual size of another axis. */
const RECORDED_BATCH = 3;

/** Values read out of a model are best not at a higher level: fusions across them crash ONNX Runtime 1.30 on some models. */
export const MEASURING = 'basic';

const run = (model: Model, feeds: Feeds, fetches: readonly string[], threads: number) =>
  withSession(encodeModel(model), { threads, optimization: MEASURING }, (session) => session.run(feeds, fetches));

/**
 * Prepares a teacher: clean-up, training operator set, shapes as the samples have them.
 * @throws ServiceError unsupported_opset, model_load_failed, model_run_failed
 */
export async function teacherNetwork(
  teacher: Model,
  options: {
    readonly samples: Samples;
    readonly indices: readonly number[];
    readonly threads: number;
    readonly signal: AbortSignal;
  },
): Promise<TeacherNetwork> {
  const { samples, indices, threads, signal } = options;
  const fold = (model: Model, fetches: readonly string[]) => run(model, new Map(), fetches, threads);
  const prepared = prepareStudent((await cleanUp(teacher, { run: fold, signal })).model);
  const feedsOf = (count: number) =>
    samples.feeds(Array.from({ length: samples.batch ?? count }, (_, i) => indices[i % indices.length] ?? 0));
  const [few, more] = [await feedsOf(RECORDED_BATCH), await feedsOf(RECORDED_BATCH + 1)];
  const settled = await settledSizes(prepared, few, more, threads);
  const model =
    settled.size === 0
      ? prepared
      : prepareStudent((await cleanUp(withConstants(prepared, settled), { run: fold, signal })).model);
  separateVectors(model.graph);
  const recorded = await recordShapes(model, (exposed, fetches) => run(exposed, few, fetches, threads), few);
  return { model, shapes: new Map([...recorded].map(([name, { dims }]) => [name, dims])) };
}

/**
 * What a model computes from sizes alone and is the same for two batches. Nothing when other sizes than the batch may vary: two
 * batches do not show what depends on them.
 */
async function settledSizes(model: Model, few: Feeds, more: Feeds, threads: number): Promise<Map<string, Tensor>> {
  const onlyBatch = model.graph.inputs.every(
    ({ type }) => type?.kind === 'tensor' && type.shape?.slice(1).every((size) => typeof size === 'number'),
  );
  const names = onlyBatch ? shapeArithmetic(model.graph) : [];
  if (names.length === 0) return new Map();
  const exposed = { ...model, graph: { ...model.graph, outputs: names.map((name) => ({ name, type: null })) } };
  const [first, second] = [await run(exposed, few, names, threads), await run(exposed, more, names, threads)];
  const same = ({ dims, bytes }: Tensor, other: Tensor | undefined) =>
    dims.join() === other?.dims.join() && Buffer.from(bytes).equals(other.bytes);
  return new Map([...first].filter(([name, tensor]) => same(tensor, second.get(name))));
}
