import { type Graph, intAttribute, type Node } from '../onnx/ir/graph.js';
import { elementCount, elements } from '../onnx/ir/tensor.js';
import type { AxisUnits } from './axis-units.js';
import type { ChannelGroup } from './channel-groups.js';

/** A value in which each channel of a group lies once, at a place where a layer reads it. */
export interface ReadingPlace {
  readonly value: string;
  readonly axis: number;
  /** Position along the axis by channel, in the order of the group's units. */
  readonly positions: readonly number[];
  /** How strongly the layer weighs each channel: the norm of its weights. */
  readonly weights: readonly number[];
}

/** Layers that mix channels, by the axis of their weights that their inputs lie on; undefined for those that only rearrange. */
const MIXERS: Readonly<Record<string, (node: Node, rank: number) => number | undefined>> = {
  Conv: () => 1,
  ConvTranspose: () => 0,
  Flatten: () => undefined,
  Gemm: (node) => (intAttribute(node, 'transB', 0) === 1 ? 1 : 0),
  MatMul: (_, rank) => rank - 2,
  Reshape: () => undefined,
};

/** Where the channels of a group are read, each of them exactly once; empty when each spans several positions everywhere. */
export function readingPlaces(graph: Graph, units: AxisUnits, { units: channels }: ChannelGroup): ReadingPlace[] {
  const places = new Map<string, ReadingPlace>();
  for (const node of graph.nodes) {
    const [value = '', weight = ''] = node.inputs;
    const mixer =
      Object.hasOwn(MIXERS, node.opType) && intAttribute(node, 'group', 1) === 1 ? MIXERS[node.opType] : undefined;
    if (!mixer || graph.initializers.has(value)) continue;
    for (let axis = 1; axis < (units.shapes.get(value)?.length ?? 0); axis++) {
      const along = units.units({ value, axis });
      const positions = channels.map((unit) => along.indexOf(unit));
      const once = positions.every((position, i) => position >= 0 && along.lastIndexOf(channels[i] ?? -1) === position);
      if (!once) continue;
      const axisOfInputs = mixer(node, units.shapes.get(weight)?.length ?? 0);
      const norms = axisOfInputs === undefined ? undefined : inputNorms(graph, weight, axisOfInputs);
      const known = places.get(value);
      places.set(value, {
        value,
        axis,
        positions,
        weights: positions.map((position, i) => Math.hypot(known?.weights[i] ?? 0, norms ? (norms[position] ?? 0) : 1)),
      });
    }
  }
  return [...places.values()];
}

function inputNorms(graph: Graph, name: string, axis: number): Float64Array | undefined {
  const tensor = graph.initializers.get(name);
  if (tensor?.dtype !== 'float32') return undefined;
  const size = tensor.dims[axis] ?? 1;
  const inner = elementCount(tensor.dims.slice(axis + 1));
  const squares = new Float64Array(size);
  elements(tensor, 'float32').forEach((value, i) => {
    const position = Math.floor(i / inner) % size;
    squares[position] = (squares[position] ?? 0) + value * value;
  });
  return squares.map(Math.sqrt);
}
