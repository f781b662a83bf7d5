import type { Graph } from '../onnx/ir/graph.js';
import { BITS, elementCount } from '../onnx/ir/tensor.js';

/** How large a network is, before or after units are removed. */
export interface NetworkSize {
  /** Numbers in float constants. */
  readonly parameters: number;
  /** Bytes of all constants. */
  readonly bytes: number;
  /** Multiplications of convolutions and matrix products for the recorded shapes. */
  readonly operations: number;
}

const FLOATS: ReadonlySet<string> = new Set(['float16', 'bfloat16', 'float32', 'float64']);

/**
 * Counts a network whose values have other shapes than its constants say, as when channels are cut out.
 * @param shape of a value or constant
 */
export function networkSize(graph: Graph, shape: (value: string) => readonly number[]): NetworkSize {
  const dims = (value = '') => shape(value);
  let [parameters, bytes, operations] = [0, 0, 0];
  for (const [name, { dtype }] of graph.initializers) {
    const count = elementCount(dims(name));
    bytes += Math.ceil((count * BITS[dtype]) / 8);
    if (FLOATS.has(dtype)) parameters += count;
  }
  for (const { opType, inputs, outputs } of graph.nodes) {
    const count = (value = '') => elementCount(dims(value));
    const perOutput = count(inputs[1]) / (dims(inputs[1])[0] || 1);
    if (opType === 'Conv') operations += count(outputs[0]) * perOutput;
    if (opType === 'ConvTranspose') operations += count(inputs[0]) * perOutput;
    if (opType === 'Gemm') operations += (dims(outputs[0])[0] ?? 1) * count(inputs[1]);
    if (opType === 'MatMul') operations += count(outputs[0]) * (dims(inputs[0]).at(-1) ?? 1);
  }
  return { parameters, bytes, operations };
}
