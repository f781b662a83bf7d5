import type { HintSpec } from '../../contracts/hint.js';
import { cloneModel } from '../../onnx/ir/clone.js';
import type { Graph, Model } from '../../onnx/ir/graph.js';
import { floats, type Tensor } from '../../onnx/ir/tensor.js';
import { encodeModel } from '../../onnx/serde/encode-model.js';
import { type RecordedShape, recordShapes } from '../../onnx/shapes/record-shapes.js';
import { ServiceError } from '../../platform/errors.js';
import { didYouMean } from '../../platform/nearest-name.js';
import { derivedSeed, seededRandom } from '../../platform/random.js';
import { type Feeds, withSession } from '../../runtime/session.js';
import type { Hint } from './hint.js';

/** Shapes of values at one batch, by name. */
type Shapes = ReadonlyMap<string, RecordedShape>;

/**
 * That the values that hints name are there, before anything is run.
 * @throws ServiceError unknown_node with the nearest name
 */
export function checkHintNames(
  hints: readonly HintSpec[],
  graphs: Readonly<Record<'teacher' | 'student', Graph>>,
): void {
  for (const side of ['teacher', 'student'] as const) {
    const names = graphs[side].nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== ''));
    const known = new Set(names);
    hints.forEach((hint, i) => {
      const name = hint[side];
      if (known.has(name)) return;
      const message = `The ${side} computes no value named ${JSON.stringify(name)}.`;
      throw new ServiceError('unknown_node', message, {
        errors: [{ pointer: `/hints/${i}/${side}`, code: 'unknown_tensor', message, received: name }],
        hint: didYouMean(name, names).trim() || `A hint names what a node of the ${side} gives, such as ${names[0]}.`,
      });
    });
  }
}

/** The axis that the map goes along: where the sizes differ, else the channels of pictures, else the last. Null when there is none. */
function mappedAxis(student: readonly number[], teacher: readonly number[]): number | null {
  const rank = student.length;
  if (rank < 2 || teacher.length !== rank || student[0] !== teacher[0]) return null;
  const different = student.flatMap((size, axis) => (size === teacher[axis] ? [] : [axis]));
  if (different.length > 1) return null;
  return different[0] ?? (rank > 3 ? 1 : rank - 1);
}

/** Starts as the identity between values of one size, else at random (uniform in ±1/√inputs, PyTorch's default). */
function startingMatrix(inputs: number, outputs: number, seed: number): Tensor {
  const random = seededRandom(seed);
  const value = (row: number, column: number) =>
    inputs === outputs ? Number(row === column) : (2 * random() - 1) / Math.sqrt(inputs);
  return floats(
    Array.from({ length: inputs * outputs }, (_, i) => value(Math.floor(i / outputs), i % outputs)),
    [inputs, outputs],
  );
}

/** A student with the weights of the maps of its hints beside its own. */
export interface HintedStudent {
  readonly student: Model;
  readonly hints: readonly Hint[];
  /** Names of these weights. */
  readonly maps: readonly string[];
}

/** Shapes are read off one run; a graph that is run once is not worth optimizing. */
const RECORDING = { threads: 1, optimization: 'disabled' } as const;

/**
 * The student of a training with hints, its shapes and the teacher's read off one batch.
 * @param student prepared for training, which is left as it is
 * @throws ServiceError dataset_mismatch when two values cannot be compared
 */
export async function withHints(
  specs: readonly HintSpec[],
  student: Model,
  task: {
    readonly feeds: Feeds;
    readonly seed: number;
    teacher(feeds: Feeds): Promise<Shapes>;
  },
): Promise<HintedStudent> {
  if (specs.length === 0) return { student, hints: [], maps: [] };
  const { feeds, seed } = task;
  const recorded = await recordShapes(
    student,
    (exposed, fetches) => withSession(encodeModel(exposed), RECORDING, (session) => session.run(feeds, fetches)),
    feeds,
  );
  return planHints(specs, student, { student: recorded, teacher: await task.teacher(feeds) }, seed);
}

/**
 * The hints of a training, and the student with the weights of their maps beside its own.
 * @param student prepared for training, which is left as it is
 * @throws ServiceError dataset_mismatch when two values cannot be compared
 */
function planHints(
  specs: readonly HintSpec[],
  student: Model,
  shapes: { readonly student: Shapes; readonly teacher: Shapes },
  seed: number,
): HintedStudent {
  const extended = cloneModel(student);
  const hints = specs.map((spec, i): Hint => {
    const [own, wanted] = [shapes.student.get(spec.student), shapes.teacher.get(spec.teacher)];
    const axis = own && wanted && mappedAxis(own.dims, wanted.dims);
    if (own?.dtype !== 'float32' || wanted?.dtype !== 'float32' || typeof axis !== 'number')
      throw cannotBeCompared(spec, i, own, wanted);
    const [inputs, outputs] = [own.dims[axis] ?? 1, wanted.dims[axis] ?? 1];
    const [matrix, bias] = [`hint/${i}/matrix`, `hint/${i}/bias`];
    extended.graph.initializers.set(matrix, startingMatrix(inputs, outputs, derivedSeed(seed, 'hint', i)));
    extended.graph.initializers.set(bias, floats(new Float32Array(outputs)));
    return { ...spec, target: `target/hint/${i}`, sampleDims: wanted.dims.slice(1), axis, matrix, bias };
  });
  return { student: extended, hints, maps: hints.flatMap(({ matrix, bias }) => [matrix, bias]) };
}

function cannotBeCompared(
  { student, teacher }: HintSpec,
  index: number,
  own: RecordedShape | undefined,
  wanted: RecordedShape | undefined,
): ServiceError {
  const words = (shape: RecordedShape | undefined) => (shape ? `${shape.dtype} [${shape.dims}]` : 'no tensor');
  const message = `For one batch the student's ${student} is ${words(own)}, the teacher's ${teacher} ${words(wanted)}: a hint takes float32 values, samples in front, whose sizes differ along one other axis at most.`;
  return new ServiceError('dataset_mismatch', message, {
    errors: [{ pointer: `/hints/${index}`, code: 'shapes_differ', message }],
    hint: 'Name values at the same place of both networks, such as the outputs of layers of the same stride.',
  });
}
