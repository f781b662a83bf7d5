import { weightConstants } from '../distillation/students/trainable-weights.js';
import { node as makeNode, type Node } from '../onnx/ir/graph.js';
import { elements, floats, type Tensor, tensor } from '../onnx/ir/tensor.js';
import { roundAndClip } from '../quantization/rounding.js';
import { constantValues } from './constant-values.js';
import type { TrainingGraph } from './training-graph.js';

/** The unit of a vector's latents: this share of its root mean square, a step as small as those of weights in 4 bits. */
const UNIT_SHARE = 1 / 16;
/** Vectors of zeros need a unit too. */
const LEAST_UNIT = 1e-3;
const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

const isVector = ({ dims }: Tensor) => dims.filter((dim) => dim !== 1).length === 1;

/**
 * Lets biases and other float vectors be trained: v becomes v + unit · u, with latents u that begin as 0. Biases in int32 are trained as
 * the floats that they stand for: their grid is too fine to matter. Matrices that were left in float stay as they are.
 */
export function trainVectors(graph: TrainingGraph): void {
  for (const node of [...graph.editor.graph.nodes]) trainInteger(graph, node);
  const constants = constantValues(graph.editor.graph);
  for (const name of weightConstants(graph.editor.graph)) trainFloat(graph, name, constants);
}

/** A bias that is restored by DequantizeLinear. */
function trainInteger(graph: TrainingGraph, node: Node): void {
  const { editor } = graph;
  const [name = '', scaleName = ''] = node.inputs;
  const [stored, scale] = [editor.constant(name), editor.constant(scaleName)];
  const isBias = node.opType === 'DequantizeLinear' && stored?.dtype === 'int32' && scale?.dtype === 'float32';
  if (!isBias || !isVector(stored) || editor.uses(name).length !== 1) return;
  const { dims } = stored;
  const integers = elements(stored, 'int32');
  const scales = elements(scale, 'float32');
  const scaleOf = (i: number) => scales[scales.length === 1 ? 0 : i] as number;
  const start = floats(
    Float32Array.from(integers, (integer, i) => integer * scaleOf(i)),
    dims,
  );
  editor.remove(node);
  train(graph, name, node.outputs[0] ?? '', start, (changeOf) => {
    const changed = Int32Array.from(integers, (integer, i) =>
      roundAndClip(integer + changeOf(i) / scaleOf(i), INT32_MIN, INT32_MAX),
    );
    return tensor('int32', dims, changed);
  });
}

/** A float vector where an operator takes its weights; what only helps to restore a weight is a scale, and stays. */
function trainFloat(graph: TrainingGraph, name: string, constants: ReadonlySet<string>): void {
  const { editor } = graph;
  const start = editor.constant(name);
  if (!start || graph.isAdded(name) || !isVector(start)) return;
  if (editor.uses(name).some(({ node }) => node.inputs.every((input) => constants.has(input)))) return;
  const value = graph.value(name, 'value');
  if (!editor.redirect(name, value)) return;
  const base = elements(start, 'float32');
  train(graph, name, value, start, (changeOf) =>
    floats(
      base.map((each, i) => each + changeOf(i)),
      start.dims,
    ),
  );
}

/** @param store the constant by the change of each element */
function train(
  graph: TrainingGraph,
  name: string,
  value: string,
  start: Tensor,
  store: (changeOf: (index: number) => number) => Tensor,
): void {
  const base = elements(start, 'float32');
  const meanSquare = base.reduce((sum, each) => sum + each * each, 0) / base.length;
  const unit = Math.max(Math.sqrt(meanSquare) * UNIT_SHARE, LEAST_UNIT);
  const latent = graph.latent([name], floats(new Float32Array(base.length), start.dims), (latents) => [
    store((index) => unit * (latents[index] as number)),
  ]);
  const change = graph.value(name, 'change');
  graph.editor.prepend(
    makeNode('Mul', [latent, graph.scalar(`${name}/unit`, unit)], [change], { name: change }),
    makeNode('Add', [graph.constant(`${name}/start`, start), change], [value], { name: value }),
  );
}
