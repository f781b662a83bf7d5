import { backward } from '../autodiff/backward.js';
import { BLOCKED_OPERATORS } from '../autodiff/blocked-convolution.js';
import { Emitter, type KnownValue } from '../autodiff/emitter.js';
import { trainingForm } from '../autodiff/training-form.js';
import { cloneModel } from '../onnx/ir/clone.js';
import type { Model, Value } from '../onnx/ir/graph.js';
import { int64s, scalar, type Tensor } from '../onnx/ir/tensor.js';
import { encodeModel } from '../onnx/serde/encode-model.js';
import { recordShapes } from '../onnx/shapes/record-shapes.js';
import { ServiceError } from '../platform/errors.js';
import { withSession } from '../runtime/session.js';
import { type BatchStatistic, batchStatistics, trainedNormalization } from './batch-normalization.js';
import { type DropoutMask, feedDropouts } from './dropout.js';
import { type Frozen, nothingFrozen } from './frozen.js';
import { type Hint, hintLoss } from './hints/hint.js';
import type { LossPlan } from './losses/loss-plan.js';

/** The operator set of training graphs: axes as inputs, scatter with reduction. */
export const TRAINING_OPSET = 18;

/** Names of the inputs that carry the targets of a batch. */
export const TARGETS = { teacher: 'target/teacher', labels: 'target/labels' } as const;

/** An ONNX file that computes a loss of a batch; the weights are inputs, so that an optimizer can change them between runs. */
export interface ScoringProgram {
  readonly bytes: Uint8Array;
  /** Name of the scalar loss output. */
  readonly loss: string;
}

export interface TrainingProgram extends ScoringProgram {
  /** Gradient output by trained weight. */
  readonly gradients: ReadonlyMap<string, string>;
  /** The batch's mean or variance by the running one, a weight, that it updates. */
  readonly statistics: ReadonlyMap<string, BatchStatistic>;
  /** Inputs that take what a Dropout lets through. */
  readonly masks: ReadonlyMap<string, DropoutMask>;
}

export interface ProgramOptions {
  /** One batch of inputs; its shapes are the program's. */
  readonly sample: ReadonlyMap<string, Tensor>;
  /** The student's output that the loss looks at. */
  readonly output: string;
  readonly loss: LossPlan;
  /** Shape of the teacher's output at this batch, when the loss reads it. */
  readonly teacherDims: readonly number[] | null;
  /** Classes, when labels come as shares [N, classes]; by default they come as one class per sample. */
  readonly labelShares?: number | undefined;
  /** Values inside the student that learn from the teacher's besides the loss. */
  readonly hints?: readonly Hint[] | undefined;
  /** Channels per block of the CPU's convolution kernels, as `blockSize` gives them; 1, the default, keeps to the plain kernels. */
  readonly block?: number;
}

/**
 * The training graph of a student: its forward pass with the batch's own normalization statistics, the loss, and the gradients by the
 * trained weights.
 * @param student in the training operator set, constants as initializers
 * @throws ServiceError unsupported_operator for a node without gradient, dataset_mismatch when the outputs' shapes differ
 */
export async function trainingProgram(
  student: Model,
  options: ProgramOptions & { readonly trained: readonly string[]; readonly frozen?: Frozen },
): Promise<TrainingProgram> {
  const model = cloneModel(student);
  const { graph } = model;
  const { block = 1, frozen = nothingFrozen } = options;
  const normalized = graph.nodes.map((node) => (frozen(node) ? node : trainedNormalization(node)));
  const kept = [options.output, ...(options.hints ?? []).map(({ student: value }) => value)];
  graph.nodes = trainingForm(normalized, new Set(kept));
  const { loss, values, masks } = await appendLoss(model, options, (shapes) => feedDropouts(graph, shapes, frozen));
  const seed = 'loss/seed';
  graph.initializers.set(seed, scalar(1));
  const gradients = backward(graph, { values, seeds: new Map([[loss, seed]]), wanted: options.trained, block });
  if (block > 1) model.opsets.set(BLOCKED_OPERATORS.domain, BLOCKED_OPERATORS.version);
  const statistics = batchStatistics(student.graph.nodes.filter((node) => !frozen(node)));
  exposeWeights(model, [...gradients.keys(), ...statistics.keys()]);
  graph.outputs = [loss, ...gradients.values(), ...[...statistics.values()].map(({ output }) => output)].map(
    (name) => ({ name, type: null }),
  );
  return { bytes: encodeModel(model), loss, gradients, statistics, masks };
}

/** The forward pass as inference runs it, with running statistics, and the loss: what held-out samples are scored with. */
export async function scoringProgram(
  student: Model,
  options: ProgramOptions & { readonly weights: readonly string[] },
): Promise<ScoringProgram> {
  const model = cloneModel(student);
  const { loss } = await appendLoss(model, options, () => new Map());
  exposeWeights(model, options.weights);
  model.graph.outputs = [{ name: loss, type: null }];
  return { bytes: encodeModel(model), loss };
}

/**
 * Fixes the inputs to the sample's shapes, adds the targets and the nodes of the loss.
 * @param feedMasks replaces what is random by inputs, once the shapes are known
 */
async function appendLoss(
  model: Model,
  { sample, output, loss: plan, teacherDims, labelShares, hints = [] }: ProgramOptions,
  feedMasks: (shapes: ReadonlyMap<string, KnownValue>) => Map<string, DropoutMask>,
): Promise<{
  loss: string;
  values: ReadonlyMap<string, KnownValue>;
  masks: ReadonlyMap<string, DropoutMask>;
}> {
  const { graph } = model;
  model.opsets.set('com.microsoft', 1);
  graph.values.clear();
  const feeds = new Map(sample);
  if (teacherDims) feeds.set(TARGETS.teacher, zeros(teacherDims));
  const batch = batchOf(sample);
  for (const { target, sampleDims } of hints) feeds.set(target, zeros([batch, ...sampleDims]));
  if (plan.labels) {
    const classes = int64s(Array.from({ length: batch }, () => 0));
    feeds.set(TARGETS.labels, labelShares === undefined ? classes : zeros([batch, labelShares]));
  }
  graph.inputs = [...feeds].map(
    ([name, { dtype, dims }]): Value => ({ name, type: { kind: 'tensor', dtype, shape: dims } }),
  );
  graph.outputs = [{ name: output, type: null }];
  const shapes = () =>
    recordShapes(
      model,
      (exposed, fetches) => withSession(encodeModel(exposed), RECORDING, (session) => session.run(feeds, fetches)),
      feeds,
    );
  const recorded = await shapes();
  const dims = recorded.get(output)?.dims ?? [];
  if (teacherDims && teacherDims.join() !== dims.join()) throw shapesDiffer(output, dims, teacherDims);
  const masks = feedMasks(recorded);
  for (const [name, { dims: size }] of masks) feeds.set(name, zeros(size));
  const emit = new Emitter(new Map(), graph.initializers, 'loss');
  const labelsAre = labelShares === undefined ? 'classes' : 'shares';
  const inputs = { student: output, teacher: TARGETS.teacher, labels: TARGETS.labels, labelsAre, dims } as const;
  const loss = hints.reduce((sum, hint) => emit.add(sum, hintLoss(emit, hint)), plan.loss(emit, inputs));
  graph.nodes.push(...emit.nodes);
  for (const [name, constant] of emit.constants) graph.initializers.set(name, constant);
  return { loss, values: await shapes(), masks };
}

/** Shapes are read off one run; a graph that is run once is not worth optimizing. */
const RECORDING = { threads: 1, optimization: 'disabled' } as const;

const shapesDiffer = (output: string, dims: readonly number[], teacherDims: readonly number[]) =>
  new ServiceError(
    'dataset_mismatch',
    `The student's output ${output} has shape [${dims}] for one batch, the teacher's [${teacherDims}].`,
    { hint: "Give a student whose output has the shape of the teacher's." },
  );

function exposeWeights({ graph }: Model, names: readonly string[]): void {
  for (const name of names) {
    const weight = graph.initializers.get(name);
    if (!weight) throw new Error(`${name} is no weight of the student`);
    graph.initializers.delete(name);
    graph.inputs.push({ name, type: { kind: 'tensor', dtype: weight.dtype, shape: weight.dims } });
  }
}

const zeros = (dims: readonly number[]): Tensor => ({
  dtype: 'float32',
  dims,
  bytes: new Uint8Array(Float32Array.BYTES_PER_ELEMENT * dims.reduce((a, b) => a * b, 1)),
});

const batchOf = (sample: ReadonlyMap<string, Tensor>): number => [...sample.values()][0]?.dims[0] ?? 1;
