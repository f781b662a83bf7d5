import type { AxisUnits } from '../../channels/axis-units.js';
import { keptPositions, sliceAxis } from '../../channels/slice-model.js';
import type { Samples } from '../../datasets/samples.js';
import { cloneModel } from '../../onnx/ir/clone.js';
import { GraphEditor } from '../../onnx/ir/editor.js';
import type { Model } from '../../onnx/ir/graph.js';
import type { Tensor } from '../../onnx/ir/tensor.js';
import { derivedSeed, seededRandom, shuffled } from '../../platform/random.js';
import type { Session } from '../../runtime/session.js';
import { type LayerGoal, layerGoal } from './layer-goal.js';
import { type LinearLayer, linearLayer } from './linear-layer.js';
import { ModelFront } from './model-front.js';
import { addRows, canBeSolved, emptyEquations, withGram } from './normal-equations.js';
import { regressionRows } from './regression-rows.js';
import { added, type NormalEquations, ridgeRegression, squaredError } from './ridge-regression.js';
import { tappedBatch } from './tapped-model.js';
import type { TeacherNetwork } from './teacher-network.js';

/** Rows per unknown of one output, and rows at least: positions of one sample resemble each other, so more than a few times P pay. */
const ROWS_PER_INPUT = 16;
const FEWEST_ROWS = 16_384;
/** Bytes of the rows of one run. */
const ROW_BYTES = 64 * 2 ** 20;
/** Of so many batches one is held out, to choose λ and to see whether the solution is better than the slice. */
const HELD_OUT_EVERY = 5;
/** Shares of the mean diagonal that are tried as λ. */
const RIDGES = [1e-6, 1e-4, 1e-2] as const;

export interface SolveOptions {
  readonly teacher: TeacherNetwork;
  /** Units of the teacher's graph, and which of them the student lacks. */
  readonly units: AxisUnits;
  readonly removed: ReadonlySet<number>;
  readonly samples: Samples;
  readonly indices: readonly number[];
  readonly threads: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  progress(fraction: number): void;
}

/** A layer after it was solved: whether the solution, or on held-out samples the slice, was better. */
export interface SolvedLayer {
  readonly name: string;
  readonly kept: 'solved' | 'sliced';
}

/**
 * Gives every layer behind a cut the weights with which it comes closest to what the teacher's layer makes of the same samples, in
 * the order of the graph, so that each works on what the ones before it really give (He et al. 2017, "Channel pruning for
 * accelerating very deep neural networks", with the whole network's channels gone at once). No labels and no gradients.
 * @param student sliced out of the teacher, values by the teacher's names; it is left as it is
 */
export async function solveStudent(
  student: Model,
  options: SolveOptions,
): Promise<{ model: Model; layers: SolvedLayer[] }> {
  const model = cloneModel(student);
  const { graph } = model;
  const changed = changedValues(model, options.teacher.model);
  const uses = new Map<string, number>();
  for (const { inputs } of graph.nodes) for (const input of inputs) uses.set(input, (uses.get(input) ?? 0) + 1);
  const layers: SolvedLayer[] = [];
  const fronts = frontsOf(model, options);
  await withGram(options.threads, async (gram) => {
    for (let place = 0; place < graph.nodes.length; place++) {
      options.signal.throwIfAborted();
      options.progress(place / graph.nodes.length);
      const node = graph.nodes[place];
      if (!node?.inputs.some((input) => graph.initializers.has(input))) continue;
      const editor = new GraphEditor(graph);
      const layer = linearLayer(node, editor, (name) => (uses.get(name) ?? 0) > 1);
      if (!layer) continue;
      const before = new Set(graph.nodes.slice(0, place).flatMap(({ outputs }) => outputs));
      const goal = layerGoal(layer, editor, options.teacher.shapes, (value) => before.has(value));
      const reads = [layer.node.inputs[0] ?? '', ...goal.others];
      if (!reads.some((value) => changed.has(value))) continue;
      const solution = canBeSolved(layer) && (await solveLayer({ layer, goal, place, fronts }, gram, options));
      layers.push({ name: layer.node.name || (layer.node.outputs[0] ?? ''), kept: solution ? 'solved' : 'sliced' });
      if (solution) putBack(model, place, layer, solution);
    }
  });
  return { model, layers };
}

/** Values of the student that have fewer channels than the teacher's, or are computed from such ones or in another way. */
function changedValues({ graph }: Model, teacher: Model): Set<string> {
  const changed = new Set<string>();
  const producers = new Map(teacher.graph.nodes.map((node) => [node.outputs[0] ?? '', node]));
  const inputsLost = (name: string) => {
    const [now, then] = [graph.initializers.get(name), teacher.graph.initializers.get(name)];
    return now !== undefined && now.dims.join() !== then?.dims.join();
  };
  for (const node of graph.nodes) {
    const original = producers.get(node.outputs[0] ?? '');
    const rewired = original?.inputs.some(
      (input, i) => input !== node.inputs[i] && !graph.initializers.has(node.inputs[i] ?? ''),
    );
    if (rewired || node.inputs.some((input) => changed.has(input) || inputsLost(input)))
      for (const output of node.outputs) changed.add(output);
  }
  return changed;
}

/** A layer to solve, where it stands among the student's nodes, and the ways to its samples. */
interface LayerTask {
  readonly layer: LinearLayer;
  readonly goal: LayerGoal;
  readonly place: number;
  readonly fronts: Fronts;
}

interface Fronts {
  readonly student: ModelFront;
  readonly teacher: ModelFront;
  readonly batches: readonly (readonly number[])[];
}

function frontsOf(student: Model, { teacher, samples, indices, threads, signal }: SolveOptions): Fronts {
  const values = teacher.model.graph.nodes.flatMap(({ outputs }) => outputs);
  const fits = Math.min(...values.map((value) => tappedBatch([value, value], teacher.shapes, samples)));
  const size = samples.batch ?? Math.max(1, Math.min(fits, Math.floor(indices.length / HELD_OUT_EVERY)));
  const batches: (readonly number[])[] = [];
  for (let start = 0; start + size <= indices.length; start += size) batches.push(indices.slice(start, start + size));
  const source = { samples, batches, shapes: teacher.shapes, threads, signal };
  return { student: new ModelFront(student, source), teacher: new ModelFront(teacher.model, source), batches };
}

async function solveLayer(task: LayerTask, gram: Session, options: SolveOptions): Promise<Float64Array | null> {
  const { layer } = task;
  const { groups, inputs, outputs, biased, initial } = layer;
  const p = inputs + (biased ? 1 : 0);
  const sets = { fit: emptyEquations(groups, p, outputs), held: emptyEquations(groups, p, outputs) };
  await gatherEquations(task, gram, options, sets);
  const start = biased ? initial : initial.slice(0, groups * inputs * outputs);
  const errors = RIDGES.map((ridge) => squaredError(sets.held, ridgeRegression(sets.fit, start, ridge)));
  const least = Math.min(...errors);
  if (!(least < squaredError(sets.held, start))) return null;
  const ridge = RIDGES[errors.indexOf(least)] ?? RIDGES[0];
  const solution = ridgeRegression(added(sets.fit, sets.held), start, ridge);
  if (biased) return solution;
  const whole = Float64Array.from(initial);
  whole.set(solution);
  return whole;
}

async function gatherEquations(
  { layer, goal, place, fronts }: LayerTask,
  gram: Session,
  options: SolveOptions,
  sets: { readonly fit: NormalEquations; readonly held: NormalEquations },
): Promise<void> {
  const { teacher, units, removed, indices, seed } = options;
  const { batches } = fronts;
  const x = layer.node.inputs[0] ?? '';
  const size = batches[0]?.length ?? 1;
  const { groups, p } = sets.fit;
  const wanted = Math.ceil(Math.max(FEWEST_ROWS, ROWS_PER_INPUT * p) / indices.length);
  const most = Math.floor(ROW_BYTES / (groups * p * Float64Array.BYTES_PER_ELEMENT * size));
  const perSample = Math.max(1, Math.min(wanted, most));
  const random = seededRandom(derivedSeed(seed, 'rows', goal.value));
  const choose = (positions: number) => {
    const all = Array.from({ length: positions }, (_, position) => position);
    return positions <= perSample ? all : shuffled(all, random).slice(0, perSample);
  };
  const [made] = layer.node.outputs;
  const teacherPlace = teacher.model.graph.nodes.findIndex(({ outputs }) => outputs[0] === made);
  await fronts.student.read(place, [x, ...goal.others], (ours) =>
    fronts.teacher.read(teacherPlace, [goal.value], async (theirs) => {
      for (const number of batches.keys()) {
        const [input, ...others] = await ours(number);
        const [whole] = await theirs(number);
        if (!input || !whole) throw new Error(`nothing was read of ${made}`);
        const target = remaining(whole, goal.value, units, removed);
        const found = regressionRows(layer, input, [target, ...others], choose);
        await addRows(gram, number % HELD_OUT_EVERY === 1 ? sets.held : sets.fit, found);
      }
    }),
  );
}

/** The channels of a teacher's value that the student still has. */
function remaining(value: Tensor, name: string, units: AxisUnits, removed: ReadonlySet<number>): Tensor {
  let result = value;
  for (let axis = 1; axis < value.dims.length; axis++) {
    const kept = keptPositions(units, { value: name, axis }, removed);
    if (kept.length < units.size({ value: name, axis })) result = sliceAxis(result, axis, kept);
  }
  return result;
}

function putBack(model: Model, place: number, layer: LinearLayer, solution: Float64Array): void {
  const { graph } = model;
  const constants = layer.constants(solution);
  const added = [...constants.keys()].find((name) => !graph.initializers.has(name));
  for (const [name, tensor] of constants) graph.initializers.set(name, tensor);
  if (added === undefined) return;
  const [x = '', w = ''] = layer.node.inputs;
  graph.nodes[place] = { ...layer.node, inputs: [x, w, added] };
}
