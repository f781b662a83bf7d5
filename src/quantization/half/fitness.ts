import type { GraphEditor, Use } from '../../onnx/ir/editor.js';
import { intAttribute, type Node } from '../../onnx/ir/graph.js';
import { elementCount, elements, type Tensor } from '../../onnx/ir/tensor.js';
import { scalarConstant } from '../../onnx/passes/float-constant.js';
import { elementType } from '../../onnx/serde/element-types.js';
import { constantError, type HalfError, LARGEST_HALF } from './half-constants.js';

/** Data to come may reach twice what the samples did. */
const HEADROOM = 2;
/** Rounding to halves leaves 73 dB of numbers well in range; below this, many of them are subnormal or gone. */
const LEAST_DECIBEL = 40;
/** Halves hold every whole number up to here. */
const LARGEST_WHOLE = 2048;
/** Halves up to here are off by at most 0.008, which is what a sine of them is then off by. */
const LARGEST_ANGLE = 16;
/** Σx² of a norm must not leave the range of halves in kernels that add in them. */
const LARGEST_NORM = Math.sqrt(LARGEST_HALF / HEADROOM);

const shown = (value: number) => value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
const decibelsOf = (noise: number) => -10 * Math.log10(noise);
const decibels = (error: HalfError) => decibelsOf(error.relativeNoise);

const hasType = (node: Node, pattern: RegExp) =>
  node.opType === 'Cast' && pattern.test(elementType(intAttribute(node, 'to', 0)) ?? '');
const makesWhole = (node: Node) => ['Ceil', 'Floor', 'Mod', 'Round'].includes(node.opType) || hasType(node, /^u?int/);

/** Whether a zero in input `index` is an infinity in the node's result. */
function isInfiniteAtZero(editor: GraphEditor, node: Node, index: number): boolean {
  switch (node.opType) {
    case 'Div':
      return index === 1;
    case 'Log':
    case 'Reciprocal':
    case 'ReduceLogSum':
      return true;
    case 'Pow':
      return index === 0 && !((scalarConstant(editor, node.inputs[1]) ?? -1) > 0);
    default:
      return false;
  }
}

/** The same, also of what reads the root of the input. */
function dividesBy(editor: GraphEditor, node: Node, index: number): boolean {
  const open: Pick<Use, 'node' | 'index'>[] = [{ node, index }];
  for (let next = open.pop(); next; next = open.pop()) {
    if (isInfiniteAtZero(editor, next.node, next.index)) return true;
    if (next.node.opType === 'Sqrt') for (const use of editor.uses(next.node.outputs[0] ?? '')) open.push(use);
  }
  return false;
}

/** Why a computed value must not be held in halves; null when it may be. */
export function valueObstacle(editor: GraphEditor, value: string, error: HalfError): string | null {
  const { largest, flushed } = error;
  const readers = editor.uses(value);
  const producer = editor.producer(value);
  if (largest > LARGEST_HALF / HEADROOM) {
    return `"${value}" reaches ${shown(largest)} on the samples; halves end at 65,504, and new data may go ${HEADROOM} times as far.`;
  }
  if (decibels(error) < LEAST_DECIBEL) {
    return `The numbers of "${value}" are too small for halves (at most ${shown(largest)}): ${shown(decibels(error))} dB would be left of them.`;
  }
  const divider = flushed > 0 && readers.find(({ node, index }) => dividesBy(editor, node, index))?.node;
  if (divider) {
    return `${flushed} numbers of "${value}" would become 0 in halves, and ${divider.name} (${divider.opType}) divides by them or takes their logarithm.`;
  }
  const differing = decibelsOf(error.spreadNoise);
  const subtracts = differing < LEAST_DECIBEL && readers.find(({ node }) => TAKES_OFF_OFFSET.has(node.opType))?.node;
  if (subtracts) {
    return `The numbers of "${value}" differ by little beside what they have in common, which ${subtracts.name} (${subtracts.opType}) takes off: ${shown(differing)} dB would be left of the differences.`;
  }
  if (largest > LARGEST_WHOLE && (readers.some(({ node }) => makesWhole(node)) || (producer && fromWhole(producer)))) {
    return `"${value}" holds or becomes whole numbers up to ${shown(largest)}; halves skip some from 2,048 on.`;
  }
  if (largest > LARGEST_ANGLE && readers.some(({ node }) => node.opType === 'Sin' || node.opType === 'Cos')) {
    return `"${value}" holds angles up to ${shown(largest)}, which halves place too coarsely.`;
  }
  if (largest > LARGEST_NORM && producer?.opType === 'ReduceL2') {
    return `The squares behind "${value}" add up to ${shown(largest ** 2)}; halves end at 65,504.`;
  }
  return null;
}

/** Operators that look at differences alone: what all numbers have in common, and halves are rounded by, is taken off. */
const TAKES_OFF_OFFSET = new Set([
  'ArgMax',
  'ArgMin',
  'GroupNormalization',
  'InstanceNormalization',
  'LayerNormalization',
  'LogSoftmax',
  'MeanVarianceNormalization',
  'Softmax',
  'Sub',
  'TopK',
]);

/** A Cast to float32 in a float32 model comes from whole numbers. */
const fromWhole = (producer: Node) => hasType(producer, /^float32$/);

/** Bounds: what lies outside of the halves bounds nothing. Terms: a lone tiny one keeps a divisor from 0, and still does as 6e-8. */
const BOUNDED = new Set(['Clip', 'Max', 'Min']);
const ADDED = new Set(['Add', 'Sub', 'Max', 'Clip']);

/** Why a node that reads this constant cannot compute in halves; null when it can. */
export function constantObstacle(editor: GraphEditor, node: Node, value: string): string | null {
  const constant = editor.constant(value);
  if (constant?.dtype !== 'float32') return null;
  const error = constantError(constant);
  if (error.largest > LARGEST_HALF && !BOUNDED.has(node.opType)) {
    return `Its constant "${value}" reaches ${shown(error.largest)}; halves end at 65,504.`;
  }
  const harmless = elementCount(constant.dims) === 1 && ADDED.has(node.opType);
  if (decibels(error) < LEAST_DECIBEL && error.largest <= LARGEST_HALF && !harmless) {
    return `The numbers of its constant "${value}" are too small for halves (at most ${shown(error.largest)}).`;
  }
  return null;
}

/** Why a constant must not be stored in halves, which its readers get back in float32; null when it may. */
export function storageObstacle(value: string, constant: Tensor): string | null {
  if (!elements(constant, 'float32').every(Number.isFinite)) return `Its constant "${value}" holds NaN or infinity.`;
  const error = constantError(constant);
  if (error.largest > LARGEST_HALF) {
    return `Its constant "${value}" reaches ${shown(error.largest)}; halves end at 65,504.`;
  }
  return decibels(error) < LEAST_DECIBEL
    ? `The numbers of its constant "${value}" are too small for halves (at most ${error.largest.toExponential(2)}).`
    : null;
}
