import { intAttribute, type Node, stringAttribute } from '../ir/graph.js';
import { type Adapter, moved, refused, withAttribute } from './adapter.js';
import { clip, intsToInputs, pad, topK, upsampleScales } from './attributes-to-inputs.js';
import { resize, resizeOptionalInputs, upsampleToResize } from './resize.js';
import { softmax } from './softmax.js';

const renamed =
  (opType: string): Adapter =>
  (node) => [Object.freeze({ ...node, opType })];

const unsupported =
  (reason: string): Adapter =>
  (node) => {
    throw refused(node, reason);
  };

/** Inference ignores the ratio; the mask changed its type on the way. */
const dropout: Adapter = (node, { used }) => {
  if (node.outputs[1] && used(node.outputs[1])) throw refused(node, 'hands out its mask, whose type changed');
  return [moved({ ...node, outputs: node.outputs.slice(0, 1) }, ['ratio'])];
};

const batchNormalization: Adapter = (node, { used }) => {
  if (intAttribute(node, 'spatial', 1) !== 1) throw refused(node, 'normalizes each position on its own (spatial = 0)');
  if (node.outputs.slice(1).some((output) => output !== '' && used(output))) throw refused(node, 'is in training mode');
  return [moved({ ...node, outputs: node.outputs.slice(0, 1) }, ['spatial', 'is_test'])];
};

/** Split 18: without explicit sizes the number of parts must be said. */
const splitParts: Adapter = (node) =>
  node.inputs.length > 1
    ? [node]
    : [withAttribute(node, 'num_outputs', { kind: 'int', value: BigInt(node.outputs.length) })];

const roiAlign: Adapter = (node) => [
  withAttribute(node, 'coordinate_transformation_mode', {
    kind: 'string',
    value: new TextEncoder().encode('output_half_pixel'),
  }),
];

const GRID_SAMPLE_MODES: Readonly<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic' };
const gridSample: Adapter = (node: Node) => {
  const mode = stringAttribute(node, 'mode', 'bilinear');
  const value = new TextEncoder().encode(GRID_SAMPLE_MODES[mode] ?? mode);
  return [withAttribute(node, 'mode', { kind: 'string', value })];
};

const axesToInput = intsToInputs('axes');
const REDUCTIONS = [
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSum',
  'ReduceLogSumExp',
  'ReduceMax',
  'ReduceMean',
  'ReduceMin',
  'ReduceProd',
  'ReduceSumSquare',
];

/**
 * The operators whose meaning or form changed, by the operator set version that changed them (onnx/docs/Changelog.md). A change
 * that only admits more types, negative axes or new attributes with the old behaviour as default needs no entry.
 */
export const CHANGES: Readonly<Record<number, Readonly<Record<string, Adapter>>>> = {
  9: {
    BatchNormalization: batchNormalization,
    Scan: unsupported('has a batch dimension, which later versions do not know'),
    Upsample: upsampleScales,
  },
  10: {
    Dropout: dropout,
    Slice: intsToInputs('starts', 'ends', 'axes'),
    TopK: topK,
    Upsample: upsampleToResize,
  },
  11: { Clip: clip, Pad: pad, Resize: resize, Scatter: renamed('ScatterElements') },
  12: { Dropout: dropout },
  13: {
    Hardmax: softmax,
    LogSoftmax: softmax,
    ReduceSum: axesToInput,
    Resize: resizeOptionalInputs,
    Softmax: softmax,
    Split: intsToInputs('split'),
    Squeeze: axesToInput,
    Unsqueeze: axesToInput,
  },
  14: { BatchNormalization: batchNormalization },
  16: { RoiAlign: roiAlign },
  18: { ...Object.fromEntries(REDUCTIONS.map((name) => [name, axesToInput])), Split: splitParts },
  20: { DFT: unsupported('takes its axis otherwise since version 20'), GridSample: gridSample },
  21: { GroupNormalization: unsupported('scales per group, which version 21 does not know') },
};

/** The oldest operator set that Modelpress reads, the first with numpy's broadcasting, and the newest that it can raise to. */
export const OLDEST_OPSET = 7;
export const NEWEST_TARGET = 21;
