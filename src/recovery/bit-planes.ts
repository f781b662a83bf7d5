import { node as makeNode, type Node, stringAttribute } from '../onnx/ir/graph.js';
import { elementCount, type Tensor, tensor } from '../onnx/ir/tensor.js';
import type { Integers } from './packed-integers.js';
import type { WeightForm } from './stored-weight.js';
import type { TrainingGraph } from './training-graph.js';

/** Some bits of integers, packed in bytes and unfolded by two shifts and a Cast, to […, 2, 4] or […, 2, 4, channels]. */
interface Plane {
  readonly constant: string;
  readonly bytes: Tensor;
  /** Bits of each integer: 2, four integers a byte, or 1, eight a byte. */
  readonly width: 1 | 2;
  readonly channelsLast: boolean;
  /** Numbers that lie next to each other in memory and are packed beside each other: the channels, where they come last. */
  readonly inner: number;
  readonly nodes: readonly Node[];
}

const shift = (value: string, direction: 'LEFT' | 'RIGHT', { editor }: TrainingGraph): Node | undefined => {
  const node = editor.producer(value);
  return node?.opType === 'BitShift' && stringAttribute(node, 'direction', '') === direction ? node : undefined;
};

/** The plane that a Cast unfolds. */
function planeOf(cast: Node, graph: TrainingGraph): Plane | undefined {
  const right = cast.opType === 'Cast' ? shift(cast.inputs[0] ?? '', 'RIGHT', graph) : undefined;
  const left = right && shift(right.inputs[0] ?? '', 'LEFT', graph);
  if (!left) return undefined;
  const [constant = '', shiftsName = ''] = left.inputs;
  const [bytes, shifts] = [constant, shiftsName].map((name) => graph.editor.constant(name));
  if (bytes?.dtype !== 'uint8' || !shifts) return undefined;
  const count = elementCount(shifts.dims);
  if (count !== 4 && count !== 8) return undefined;
  const channelsLast = shifts.dims.at(-1) === 1;
  const inner = channelsLast ? (bytes.dims.at(-1) ?? 1) : 1;
  return { constant, bytes, width: count === 4 ? 2 : 1, channelsLast, inner, nodes: [left, right, cast] };
}

/** Where the bits of integer `i` lie: with the inner numbers aside, integers follow one another from the low end of each byte. */
function place({ width, inner }: Plane, i: number): { readonly byte: number; readonly bit: number } {
  const perByte = 8 / width;
  const position = Math.floor(i / inner);
  return { byte: Math.floor(position / perByte) * inner + (i % inner), bit: width * (position % perByte) };
}

const bitsAt = (plane: Plane, i: number): number => {
  const { byte, bit } = place(plane, i);
  return ((plane.bytes.bytes[byte] as number) >> bit) & (2 ** plane.width - 1);
};

function packed(plane: Plane, integers: Integers, lowest: number): Tensor {
  const bytes = new Uint8Array(plane.bytes.bytes.length);
  const mask = 2 ** plane.width - 1;
  for (let i = 0; i < integers.length; i++) {
    const { byte, bit } = place(plane, i);
    bytes[byte] = (bytes[byte] as number) | ((((integers[i] as number) >> lowest) & mask) << bit);
  }
  return tensor('uint8', plane.bytes.dims, bytes);
}

/** The plane of the third bits that is added, four times, to a plane of the lowest two. */
function thirdBits(low: Plane, sum: Node, graph: TrainingGraph): Plane | undefined {
  const [, , cast] = low.nodes;
  const product = graph.editor.producer(sum.inputs.find((input) => input !== cast?.outputs[0]) ?? '');
  const high = graph.editor.producer(product?.inputs[0] ?? '');
  const plane = product?.opType === 'Mul' && high ? planeOf(high, graph) : undefined;
  return plane && product ? { ...plane, nodes: [...plane.nodes, product] } : undefined;
}

/** Weights of 2 bits as one plane of bytes, or of 3 as one of the lowest two bits and one of the third. */
export const bitPlanes: WeightForm = (node, graph) => {
  const low = planeOf(node, graph);
  if (low?.width !== 2) return undefined;
  const reader = graph.editor.soleConsumer(node.outputs[0] ?? '');
  const high = reader?.opType === 'Add' ? thirdBits(low, reader, graph) : undefined;
  const planes = high ? [low, high] : [low];
  const last = high && reader ? reader : node;
  const { channelsLast, inner } = low;
  const outer = low.bytes.dims.slice(0, channelsLast ? -3 : -2);
  const integers = Float32Array.from(
    { length: low.bytes.bytes.length * 4 },
    (_, i) => bitsAt(low, i) + (high ? 4 * bitsAt(high, i) : 0),
  );
  return {
    constants: planes.map(({ constant }) => constant),
    dims: [...outer, 2, 4, ...(channelsLast ? [inner] : [])],
    integers,
    range: [0, high ? 7 : 3],
    replaces: [...planes.flatMap(({ nodes }) => nodes).filter((each) => each !== last), last],
    restore: (rounded) => [makeNode('Identity', [rounded], [last.outputs[0] ?? ''])],
    store: (changed) => planes.map((plane, i) => packed(plane, changed, 2 * i)),
  };
};
