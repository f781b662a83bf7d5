import type { ElementType } from '../../contracts/signature.js';
import type { Node } from '../../onnx/ir/graph.js';
import { numbers } from '../../onnx/ir/numbers.js';
import type { Emitter } from '../emitter.js';
import type { GradientRule, RuleTable } from '../rule.js';
import { inside } from './activation.js';

/** The integers of each type that QuantizeLinear rounds to and has a gradient for. */
export const INTEGERS: Readonly<Partial<Record<ElementType, readonly [number, number]>>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65_535],
  int16: [-32_768, 32_767],
};

/**
 * The real interval that QuantizeLinear with one constant scale rounds and does not clip: half a step further than the integers reach.
 * Without a zero point it is uint8's.
 */
function unclipped(emit: Emitter, node: Node): readonly [number, number] {
  const [, scaleName = '', zeroPointName = ''] = node.inputs;
  const scaleTensor = emit.constantOf(scaleName);
  if (!scaleTensor) throw new Error(`the scale of ${node.name} is not a constant`);
  const scale = numbers(scaleTensor)[0] ?? 1;
  const zeroPoint = emit.constantOf(zeroPointName);
  const [low, high] = INTEGERS[zeroPoint?.dtype ?? 'uint8'] ?? [-Infinity, Infinity];
  const zero = (zeroPoint && numbers(zeroPoint)[0]) ?? 0;
  return [(low - zero - 0.5) * scale, (high - zero + 0.5) * scale];
}

const quantize: GradientRule = ({ node, gradient, emit }) => {
  const [low, high] = unclipped(emit, node);
  return [emit.mul(gradient, inside(emit, node.inputs[0] ?? '', low, high))];
};

/**
 * Rounding has no slope to follow, so gradients pass straight through it (Bengio, Léonard and Courville 2013, section 4): they are those of
 * x kept within the range that is rounded and not clipped. The gradient by an integer is the gradient by the real number that it stands for.
 * Scales get none.
 */
export const quantizationRules: RuleTable = {
  QuantizeLinear: quantize,
  DequantizeLinear: ({ gradient }) => [gradient],
  /** Its range always holds all of x. */
  DynamicQuantizeLinear: ({ gradients }) => [gradients[0]],
};
