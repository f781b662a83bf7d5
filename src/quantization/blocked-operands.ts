import type { Graph, Node } from '../onnx/ir/graph.js';
import { elements } from '../onnx/ir/tensor.js';
import { BLOCK, type BlockShape } from './block-weights.js';
import type { InputsOfWeight } from './calibration/input-products.js';
import { matrixWeights } from './matrix-weights.js';
import type { Plan } from './plan.js';
import { type StoredShape, storedIndex, storedShape } from './stored-shape.js';
import { inputsOfWeight } from './weight-inputs.js';
import { weightOperands } from './weight-operands.js';
import type { Shapes } from './workload.js';

/** A weight that a plan wants in few bits. */
export interface BlockedOperand {
  readonly name: string;
  readonly shape: BlockShape;
  /** How it lies in memory when it is stored for float arithmetic; null when a product multiplies it. */
  readonly stored: StoredShape | null;
  readonly at: (channel: number, k: number) => number;
  /** What it is multiplied by, along K; null when that cannot be measured. */
  readonly inputs: InputsOfWeight | null;
}

function multiplied(node: Node, graph: Graph, shapes: Shapes): BlockedOperand[] {
  const { name, k, n, values } = matrixWeights(node, graph);
  const at = (channel: number, row: number) => values[row * n + channel] as number;
  const operand = weightOperands(node, graph).find(({ index }) => index === 1);
  const inputs = operand ? inputsOfWeight(node, operand, graph, shapes) : null;
  return [{ name, shape: { channels: n, k, length: BLOCK, wholeZeroPoints: true }, stored: null, at, inputs }];
}

function stored(node: Node, graph: Graph, shapes: Shapes): BlockedOperand[] {
  return weightOperands(node, graph).flatMap((operand) => {
    const shape = storedShape(operand);
    if (!shape) return [];
    const values = elements(operand.tensor, 'float32');
    const index = storedIndex(shape);
    const at = (channel: number, k: number) => values[index(channel, k)] as number;
    return [{ name: operand.name, shape, stored: shape, at, inputs: inputsOfWeight(node, operand, graph, shapes) }];
  });
}

/** The weights of a plan that become few bits, each once for each way in which it is used. */
export function blockedOperands({ graph, decisions }: Plan, shapes: Shapes): BlockedOperand[] {
  const operands = [...decisions.values()].flatMap(({ node, treatment }) => {
    if (treatment === 'weights4') return multiplied(node, graph, shapes);
    return treatment === 'stored4' ? stored(node, graph, shapes) : [];
  });
  return [...new Map(operands.map((operand) => [`${operand.name} ${operand.stored === null}`, operand])).values()];
}
