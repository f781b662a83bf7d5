import { intAttribute, intsAttribute, type Node } from '../onnx/ir/graph.js';
import { integers } from '../onnx/ir/tensor.js';
import type { Emitter } from './emitter.js';

/** An axis counted from the front. */
export const fromFront = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Whole numbers that a node takes as input `index`, which must be a constant; undefined when the input is absent. */
export function constantIntegers(emit: Emitter, node: Node, index: number): number[] | undefined {
  const name = node.inputs[index];
  if (name === undefined || name === '') return undefined;
  const tensor = emit.constantOf(name);
  if (!tensor) throw new Error(`input ${index} of ${node.name || node.opType} is not a constant`);
  return integers(tensor);
}

/**
 * The axes of a reduction, from its input or its attribute, counted from the front. When it states none, all of them; with noop_with_empty_axes
 * none: then each element is reduced by itself, so that ReduceSumSquare squares it.
 */
export function reducedAxes(emit: Emitter, node: Node, rank: number): number[] {
  const stated = constantIntegers(emit, node, 1) ?? intsAttribute(node, 'axes') ?? [];
  const none = intAttribute(node, 'noop_with_empty_axes', 0) === 1;
  return stated.length > 0 || none
    ? stated.map((axis) => fromFront(axis, rank))
    : Array.from({ length: rank }, (_, axis) => axis);
}

/** A shape with the given axes set to 1. */
export const kept = (dims: readonly number[], axes: readonly number[]): number[] =>
  dims.map((size, axis) => (axes.includes(axis) ? 1 : size));
