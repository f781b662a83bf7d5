import { cloneModel } from '../onnx/ir/clone.js';
import { GraphEditor } from '../onnx/ir/editor.js';
import type { Model } from '../onnx/ir/graph.js';
import { BITS, elementCount, type Tensor } from '../onnx/ir/tensor.js';
import { ADAPTERS } from './adapters.js';
import type { AxisUnits, Slot } from './axis-units.js';
import { graphFacts } from './channel-units.js';

/** The positions along an axis that stay when units are removed. */
export const keptPositions = (units: AxisUnits, slot: Slot, removed: ReadonlySet<number>): number[] =>
  Array.from({ length: units.size(slot) }, (_, position) => position).filter(
    (position) => !removed.has(units.unit(slot, position)),
  );

/** The shape of a value when units are removed. */
export const slicedDims = (units: AxisUnits, value: string, removed: ReadonlySet<number>): number[] =>
  (units.shapes.get(value) ?? []).map((_, axis) => keptPositions(units, { value, axis }, removed).length);

/** The tensor with only these positions of one axis. */
export function sliceAxis(tensor: Tensor, axis: number, kept: readonly number[]): Tensor {
  const dims = tensor.dims.map((size, i) => (i === axis ? kept.length : size));
  const inner = (elementCount(tensor.dims.slice(axis + 1)) * BITS[tensor.dtype]) / 8;
  const size = tensor.dims[axis] ?? 0;
  const outer = elementCount(tensor.dims.slice(0, axis));
  const bytes = new Uint8Array(outer * kept.length * inner);
  for (let block = 0; block < outer; block++)
    kept.forEach((position, place) => {
      const start = (block * size + position) * inner;
      bytes.set(tensor.bytes.subarray(start, start + inner), (block * kept.length + place) * inner);
    });
  return { dtype: tensor.dtype, dims, bytes };
}

/**
 * The model without the removed units: every constant loses their positions, and nodes that name a number of channels name the new
 * one. What the remaining weights are does not change.
 * @param units of the model's graph, from `channelUnits`
 * @param removed units that may be removed: none of them has a reason to stay
 */
export function sliceModel(model: Model, units: AxisUnits, removed: ReadonlySet<number>): Model {
  const sliced = cloneModel(model);
  const { graph } = sliced;
  for (const [name, tensor] of graph.initializers) {
    let result = tensor;
    tensor.dims.forEach((size, axis) => {
      const kept = keptPositions(units, { value: name, axis }, removed);
      if (kept.length < size) result = sliceAxis(result, axis, kept);
    });
    graph.initializers.set(name, result);
  }
  // Recorded types of values would contradict the new sizes.
  graph.values.clear();
  const facts = graphFacts(model.graph, units.shapes);
  const editor = new GraphEditor(graph);
  graph.nodes = graph.nodes.map((node) => {
    const adapter = node.domain === '' && Object.hasOwn(ADAPTERS, node.opType) ? ADAPTERS[node.opType] : undefined;
    const touched = [...node.inputs, ...node.outputs].some(
      (value) => slicedDims(units, value, removed).join() !== facts.dims(value).join(),
    );
    if (!adapter || !touched) return node;
    return adapter({
      node,
      facts,
      kept: (slot) => keptPositions(units, slot, removed),
      constant: (hint, tensor) => editor.addConstant(hint, tensor),
    });
  });
  return sliced;
}
