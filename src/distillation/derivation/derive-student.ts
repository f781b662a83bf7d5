import type { AxisUnits } from '../../channels/axis-units.js';
import { type ChannelGroup, channelGroups } from '../../channels/channel-groups.js';
import { channelUnits } from '../../channels/channel-units.js';
import { weightImportance } from '../../channels/importance.js';
import { withoutBlocks } from '../../channels/residual-blocks.js';
import { slicedDims, sliceModel } from '../../channels/slice-model.js';
import { networkSize } from '../../channels/workload.js';
import type { DerivationReport, FromTeacher } from '../../contracts/derived-student.js';
import type { Estimate } from '../../contracts/estimate.js';
import type { Samples } from '../../datasets/samples.js';
import type { Model } from '../../onnx/ir/graph.js';
import { fitsAny } from '../../onnx/name-patterns.js';
import { ServiceError } from '../../platform/errors.js';
import { derivedSeed, seededRandom, shuffled } from '../../platform/random.js';
import { channelOrders, type OrderOptions } from './channel-order.js';
import { dropBlocks } from './drop-blocks.js';
import { type CutNetwork, type CutPlan, fitWidth, type RankedGroup, widthPlan } from './fit-width.js';
import { solveStudent } from './solve-student.js';
import { teacherNetwork } from './teacher-network.js';

export interface DerivationOptions {
  readonly spec: FromTeacher;
  /** The output that is distilled. */
  readonly output: string;
  readonly samples: Samples;
  /** Samples to solve layers on. */
  readonly indices: readonly number[];
  readonly threads: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  progress(fraction: number): void;
  /** How long a run of the second model takes as a share of the first's. */
  latencyRatio(teacher: Model, student: Model): Promise<Estimate>;
}

export interface DerivedStudent {
  /** Solved by least squares. */
  readonly student: Model;
  /** The same slices with the teacher's own weights. */
  readonly sliced: Model;
  readonly report: Omit<DerivationReport, 'before_training'>;
}

/** Shares of the work after which dropping blocks and choosing the width are done. */
const DROPPED = 0.15;
const CHOSEN = 0.25;

/**
 * Cuts a student out of its teacher: residual blocks that matter least, channels that weigh least, and what remains solved layer by
 * layer towards the teacher's own activations. No labels are read and nothing is trained.
 * @throws ServiceError invalid_request when the teacher cannot be cut as far as asked, unknown_node, dataset_too_small, unsupported_opset,
 *   model_load_failed, model_run_failed
 */
export async function deriveStudent(teacherModel: Model, options: DerivationOptions): Promise<DerivedStudent> {
  const { spec, samples, signal } = options;
  const indices = shuffled(options.indices, seededRandom(derivedSeed(options.seed, 'derivation'))).slice(
    0,
    spec.samples,
  );
  if (indices.length < 2 * (samples.batch ?? 1))
    throw new ServiceError(
      'dataset_too_small',
      'Layers are solved on some samples and judged on others: two batches at least.',
    );
  const work = { ...options, indices };
  const teacher = await teacherNetwork(teacherModel, work);
  const dropped = await dropBlocks(teacher, spec.drop_layers, {
    ...work,
    progress: (fraction) => options.progress(fraction * DROPPED),
  });
  const reduced = withoutBlocks(
    teacher.model,
    dropped.map(({ block }) => block),
  );
  signal.throwIfAborted();

  const whole = networkSize(teacher.model.graph, (value) => teacher.shapes.get(value) ?? []);
  const units = channelUnits(reduced.graph, shapesOf(reduced, teacher.shapes));
  const groups = withKept(channelGroups(reduced.graph, units), spec.keep);
  const network: CutNetwork = {
    graph: reduced.graph,
    units,
    groups: await rankedGroups(reduced, units, groups, work),
  };
  const removed = await choosePlan(network, reduced, teacher.model, whole, work);
  options.progress(CHOSEN);

  const sliced = sliceModel(reduced, units, removed);
  // What a choice was made by flatters it: the time that is reported was not looked at before.
  const timed = spec.target && 'latency_ratio' in spec.target;
  const latency = timed && (await options.latencyRatio(teacher.model, sliced));
  const solved = await solveStudent(sliced, {
    ...{ ...work, teacher, units, removed },
    progress: (fraction) => options.progress(CHOSEN + (1 - CHOSEN) * fraction),
  });
  const size = networkSize(reduced.graph, (value) => slicedDims(units, value, removed));
  const left = solved.layers.filter(({ kept }) => kept === 'sliced').length;
  return {
    student: solved.model,
    sliced,
    report: {
      width: keptShare(groups, removed),
      parameters: { teacher: whole.parameters, student: size.parameters },
      operations: { teacher: whole.operations, student: size.operations },
      ...(latency && { latency_ratio: latency }),
      groups: groups.map((group) => describeGroup(group, removed)),
      dropped: dropped.map(({ block, change }) => ({ block: block.name, change })),
      solved: { samples: indices.length, layers: solved.layers.length - left, left },
    },
  };
}

/** Groups with a layer that keeps its width keep theirs. */
function withKept(groups: readonly ChannelGroup[], keep: FromTeacher['keep']): ChannelGroup[] {
  const patterns = keep.map((pattern, index) => ({ pattern, pointer: `/student/keep/${index}` }));
  const layers = groups.flatMap((group) => group.layers);
  const named = fitsAny(patterns, layers, 'node or operator type');
  return groups.map((group) => {
    const kept = group.layers.find(named);
    return kept === undefined ? group : { ...group, free: [], reason: `keep names ${kept}.` };
  });
}

/** What each channel is worth: by what it explains of the others, or where that cannot be seen by its weights. */
async function rankedGroups(
  model: Model,
  units: AxisUnits,
  groups: readonly ChannelGroup[],
  options: OrderOptions,
): Promise<RankedGroup[]> {
  const orders = await channelOrders(model, units, groups, options);
  return groups.map((group) => {
    const found = orders.get(group);
    const importance = found
      ? new Map(found.order.map((channel, place) => [group.units[channel] ?? -1, group.size - place]))
      : weightImportance(model.graph, units, group);
    // Of what cannot be seen each unit is taken to be worth the same.
    const even = group.units.map((_, place) => 1 - (place + 1) / group.size);
    return { ...group, importance, unexplained: found?.unexplained ?? even };
  });
}

const shapesOf = ({ graph }: Model, shapes: ReadonlyMap<string, readonly number[]>) => {
  const named = [
    ...graph.inputs.map(({ name }) => name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ];
  return new Map(named.flatMap((name) => (shapes.has(name) ? [[name, shapes.get(name) ?? []] as const] : [])));
};

/** Share of the channels that is left where some could go. */
function keptShare(groups: readonly ChannelGroup[], removed: CutPlan): number {
  const cuttable = groups.filter(({ free }) => free.length > 0);
  const all = cuttable.reduce((sum, { size }) => sum + size, 0);
  return all === 0 ? 1 : 1 - removed.size / all;
}

const describeGroup = ({ layers, size, free, reason }: ChannelGroup, removed: CutPlan) => ({
  layers: [...layers],
  channels: size,
  kept: size - free.filter((unit) => removed.has(unit)).length,
  reason,
});

async function choosePlan(
  network: CutNetwork,
  reduced: Model,
  teacher: Model,
  whole: ReturnType<typeof networkSize>,
  { spec, latencyRatio }: DerivationOptions,
): Promise<CutPlan> {
  const { target, width } = spec;
  if (target === undefined) return widthPlan(network, width ?? 1);
  const size = (removed: CutPlan) => networkSize(reduced.graph, (value) => slicedDims(network.units, value, removed));
  if ('size_ratio' in target)
    return fitWidth(network, target.size_ratio, 'bytes', async (plan) => size(plan).bytes / whole.bytes);
  const operations = async (plan: CutPlan) => size(plan).operations / whole.operations;
  if ('operations_ratio' in target) return fitWidth(network, target.operations_ratio, 'operations', operations);
  return fitWidth(network, target.latency_ratio, 'operations', async (plan) => {
    const { ci95 } = await latencyRatio(teacher, sliceModel(reduced, network.units, plan));
    return ci95[1];
  });
}
