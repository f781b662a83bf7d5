import type { Dimension, ElementType, ValueSignature } from '../contracts/signature.js';
import { elementCount, type Tensor } from '../onnx/ir/tensor.js';
import { ServiceError } from '../platform/errors.js';
import { derivedSeed, seededRandom } from '../platform/random.js';
import { castTo } from './cast.js';
import { checkIndices, type Samples } from './samples.js';

/** Elements of one made-up input: a gigabyte of float32, more than any engine could run on. */
const MAX_ELEMENTS = 2 ** 28;

/** Sizes of named dimensions. */
export type Sizes = Readonly<Record<string, number>>;

type Draw = (random: () => number) => number;
/** Box and Muller 1958; 1 - u lies in (0, 1], so the logarithm is finite. */
const normal: Draw = (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
const whole =
  (low: number, high: number): Draw =>
  (random) =>
    low + Math.floor(random() * (high - low + 1));

/**
 * What inputs of each type hold: standard normal numbers; all bytes; and 0 or 1 for wider integers, which mostly are tokens, masks, positions
 * or indices, and small ones are valid in every table.
 */
const DRAWS: Partial<Readonly<Record<ElementType, Draw>>> = {
  float16: normal,
  float32: normal,
  float64: normal,
  uint8: whole(0, 255),
  int8: whole(-128, 127),
  int16: whole(0, 1),
  uint16: whole(0, 1),
  int32: whole(0, 1),
  uint32: whole(0, 1),
  int64: whole(0, 1),
  uint64: whole(0, 1),
  bool: whole(0, 1),
};

interface Shape {
  readonly input: ValueSignature;
  readonly dtype: ElementType;
  readonly draw: Draw;
  readonly dims: readonly number[];
}

/**
 * Seeded random inputs for a model without a dataset. When the first axis of every input is free, and by the same name, it is the batch and
 * samples are stacked on it; otherwise each sample is one whole input.
 * @param sizes of named dimensions (`evaluate.latency.shapes`); a free first axis is 1 without one.
 * @throws ServiceError invalid_request, with a pointer, when a dimension's size is not known; memory_limit_exceeded for impossible sizes.
 */
export function syntheticSamples(
  inputs: readonly ValueSignature[],
  count: number,
  seed: number,
  sizes: Sizes = {},
): Samples {
  const batchAxes = new Set(inputs.map((input) => input.shape?.[0]));
  const [batchAxis] = batchAxes;
  const stacked = inputs.length > 0 && batchAxes.size === 1 && batchAxis !== undefined && typeof batchAxis !== 'number';
  const shapes = inputs.map((input) => shapeOf(input, stacked, sizes));
  const batch = stacked ? null : 1;
  const draw = (shape: Shape, index: number): number[] => {
    const random = seededRandom(derivedSeed(seed, 'synthetic', shape.input.name, index));
    return Array.from({ length: elementCount(shape.dims) }, () => shape.draw(random));
  };
  const tensor = (shape: Shape, indices: readonly number[]): Tensor => ({
    dtype: shape.dtype,
    dims: stacked ? [indices.length, ...shape.dims] : shape.dims,
    bytes: castTo(
      indices.flatMap((index) => draw(shape, index)),
      shape.dtype,
    ),
  });
  return {
    count,
    singleOnly: batch === 1,
    batch,
    async feeds(indices) {
      checkIndices({ count, batch }, indices);
      return new Map(shapes.map((shape) => [shape.input.name, tensor(shape, indices)]));
    },
    async labels() {
      return null;
    },
    async close() {},
  };
}

function shapeOf(input: ValueSignature, stacked: boolean, sizes: Sizes): Shape {
  const name = JSON.stringify(input.name);
  const draw = input.dtype === null ? undefined : DRAWS[input.dtype];
  if (input.dtype === null || draw === undefined)
    throw unknown(`The input ${name} is of type ${input.dtype ?? 'unknown'}, for which no values can be made up.`);
  if (input.shape === null) throw unknown(`The input ${name} has no shape, so no values can be made up for it.`);
  const dims = input.shape.slice(stacked ? 1 : 0).map((dimension, position) => {
    const axis = stacked ? position + 1 : position;
    return sizeOf(dimension, axis, name, sizes);
  });
  const elements = elementCount(dims);
  if (elements > MAX_ELEMENTS)
    throw new ServiceError(
      'memory_limit_exceeded',
      `With these sizes the input ${name} has ${elements} elements; at most ${MAX_ELEMENTS} are made up.`,
      { hint: 'State smaller sizes in evaluate.latency.shapes, or give the job a dataset.' },
    );
  return { input, dtype: input.dtype, draw, dims };
}

function sizeOf(dimension: Dimension, axis: number, input: string, sizes: Sizes): number {
  if (typeof dimension === 'number') return dimension;
  if (dimension !== null && Object.hasOwn(sizes, dimension)) return sizes[dimension] ?? 1;
  if (axis === 0) return 1;
  if (dimension === null) throw unknown(`Axis ${axis} of the input ${input} has neither a size nor a name.`);
  throw unknown(
    `The dimension ${JSON.stringify(dimension)}, axis ${axis} of the input ${input}, has no size.`,
    dimension,
  );
}

function unknown(detail: string, dimension?: string): ServiceError {
  if (dimension === undefined)
    return new ServiceError('dataset_required', detail, { hint: 'Give the job a dataset; its samples have a shape.' });
  return new ServiceError('invalid_request', detail, {
    hint: `State it, "evaluate": {"latency": {"shapes": {${JSON.stringify(dimension)}: …}}}, or give the job a dataset.`,
    errors: [
      {
        pointer: `/evaluate/latency/shapes/${dimension.replaceAll('~', '~0').replaceAll('/', '~1')}`,
        code: 'required',
        message: detail,
        expected: 'a whole number',
      },
    ],
  });
}
