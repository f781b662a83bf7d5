import { type Graph, intAttribute, type Node } from '../onnx/ir/graph.js';
import type { AxisUnits, Slot } from './axis-units.js';

/** Channels that some layers make together, one unit each (or one unit per attention head). */
export interface ChannelGroup {
  /** Names of the layers whose outputs they are, in the order of the graph. */
  readonly layers: readonly string[];
  /** Where the layers' weights hold their outputs. */
  readonly slots: readonly Slot[];
  /** The units that may be removed, in order. */
  readonly free: readonly number[];
  /** All of its units, in order. */
  readonly units: readonly number[];
  /** How many units there are. */
  readonly size: number;
  /** Whether these are channels of pictures or sequences, made by convolutions: block sizes of the CPU's kernels matter there. */
  readonly convolutional: boolean;
  /** Why nothing can be removed; null when something can. */
  readonly reason: string | null;
}

/** The axis of a layer's weights along which its outputs lie, by operator; undefined when the weights are computed. */
const OUTPUT_AXES: Readonly<
  Record<string, { readonly input: number; axis(node: Node, dims: readonly number[]): number }>
> = {
  Conv: { input: 1, axis: () => 0 },
  ConvTranspose: { input: 1, axis: (node) => (intAttribute(node, 'group', 1) === 1 ? 1 : 0) },
  Gather: { input: 0, axis: (_, dims) => dims.length - 1 },
  Gemm: { input: 1, axis: (node) => (intAttribute(node, 'transB', 0) === 1 ? 0 : 1) },
  MatMul: { input: 1, axis: (_, dims) => dims.length - 1 },
};

function outputSlot(node: Node, graph: Graph): Slot | undefined {
  const entry = node.domain === '' && Object.hasOwn(OUTPUT_AXES, node.opType) ? OUTPUT_AXES[node.opType] : undefined;
  const value = node.inputs[entry?.input ?? 0] ?? '';
  const weights = graph.initializers.get(value);
  if (!entry || weights?.dtype !== 'float32' || weights.dims.length < 2) return undefined;
  return { value, axis: entry.axis(node, weights.dims) };
}

/** The channels of a graph by the layers that make them; layers that share a unit, as around a residual sum, are one group. */
export function channelGroups(graph: Graph, units: AxisUnits): ChannelGroup[] {
  interface Open {
    /** Its place among all groups. */
    readonly place: number;
    readonly nodes: Node[];
    readonly slots: Slot[];
    readonly units: Set<number>;
  }
  const groupOf = new Map<number, Open>();
  let places = 0;
  for (const node of graph.nodes) {
    const slot = outputSlot(node, graph);
    if (!slot) continue;
    const own = units.units(slot);
    const touching = [...new Set(own.flatMap((unit) => groupOf.get(unit) ?? []))].sort((a, b) => a.place - b.place);
    const [merged = { place: places++, nodes: [], slots: [], units: new Set<number>() }, ...absorbed] = touching;
    for (const each of absorbed) {
      for (const other of each.nodes) merged.nodes.push(other);
      for (const other of each.slots) merged.slots.push(other);
    }
    merged.nodes.push(node);
    merged.slots.push(slot);
    for (const unit of [...absorbed.flatMap((each) => [...each.units]), ...own]) {
      merged.units.add(unit);
      groupOf.set(unit, merged);
    }
  }
  const groups = [...new Set(groupOf.values())].sort((a, b) => a.place - b.place);
  return groups.map(({ nodes, slots, units: all }): ChannelGroup => {
    const free = [...all].filter((unit) => units.reason(unit) === undefined);
    const [first] = [...all].map((unit) => units.reason(unit)).filter((reason) => reason !== undefined);
    const lone = free.length === 1 && all.size === 1 ? 'There is only one.' : null;
    return {
      layers: nodes.map((node) => node.name || (node.outputs[0] ?? '')),
      slots,
      free: lone ? [] : free,
      units: [...all],
      size: all.size,
      convolutional: nodes.some(({ opType }) => opType === 'Conv' || opType === 'ConvTranspose'),
      reason: lone ?? (free.length === 0 ? (first ?? null) : null),
    };
  });
}
