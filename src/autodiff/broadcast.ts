import type { Emitter } from './emitter.js';

/** The shape that numpy broadcasting gives to operands of these shapes. */
export function broadcastDims(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const at = (dims: readonly number[], axis: number) => dims[axis - (rank - dims.length)] ?? 1;
  return Array.from({ length: rank }, (_, axis) => (at(a, axis) === 1 ? at(b, axis) : at(a, axis)));
}

/**
 * Undoes broadcasting: sums a gradient of shape `from` over every axis along which an operand of shape `to` was repeated, and
 * gives it that operand's shape.
 */
export function unbroadcast(emit: Emitter, gradient: string, from: readonly number[], to: readonly number[]): string {
  const added = from.length - to.length;
  const axes = from.flatMap((size, axis) => (axis < added || (to[axis - added] === 1 && size !== 1) ? [axis] : []));
  const summed = emit.sum(gradient, axes, true);
  return added > 0 ? emit.reshape(summed, to) : summed;
}
