import { cloneModel } from '../../onnx/ir/clone.js';
import { GraphEditor } from '../../onnx/ir/editor.js';
import { node as create, type Node } from '../../onnx/ir/graph.js';
import { elementCount, elements, floats, type Tensor } from '../../onnx/ir/tensor.js';
import { breathing } from '../breathe.js';
import { matrixWeights } from '../matrix-weights.js';
import { OBSTACLES } from '../quantizable.js';
import { weightOperands } from '../weight-operands.js';
import { channelMagnitudes } from './channel-magnitudes.js';
import { divisors } from './divisors.js';
import type { Transform, TransformContext, Transformed } from './transform.js';

/** How much of the difference between channels moves into the weights: the grid that whole models are tried with. */
const ALPHAS = [0.3, 0.5, 0.7, 0.85];

/** An activation, its channels on the last axis, and the products that read it. */
interface Place {
  readonly value: string;
  readonly products: readonly Node[];
  /** Whether anything else reads it. */
  readonly shared: boolean;
}

function places({ model: { graph }, selected }: TransformContext): Place[] {
  const editor = new GraphEditor(graph);
  const smoothable = (node: Node) =>
    ['MatMul', 'Gemm'].includes(node.opType) && selected(node) && OBSTACLES.dynamic(node, graph) === null;
  const values = new Set(graph.nodes.filter(smoothable).map(({ inputs }) => inputs[0] ?? ''));
  return [...values].map((value) => {
    const uses = editor.uses(value);
    const products = uses.filter(({ node, index, nested }) => !nested && index === 0 && smoothable(node));
    const shared = editor.isOutput(value) || products.length < uses.length;
    return { value, products: products.map(({ node }) => node), shared };
  });
}

/** A constant that broadcasts along the last axis alone, with each of its channels divided; undefined for any other. */
function divided(constant: Tensor | undefined, by: Float64Array): Tensor | undefined {
  if (constant?.dtype !== 'float32' || constant.dims.at(-1) !== by.length) return undefined;
  const values = elements(constant, 'float32');
  if (values.length !== by.length) return undefined;
  return floats(
    values.map((value, channel) => value / (by[channel] as number)),
    constant.dims,
  );
}

/** Inputs that scale the result of a node when they are scaled, by operator; the other operand of an Add must be scaled too. */
function foldInto(editor: GraphEditor, value: string, by: Float64Array): (() => void) | undefined {
  const node = editor.producer(value);
  if (node?.domain !== '') return undefined;
  const replaced = (indices: readonly number[]) => {
    const constants = indices.map((index) => divided(editor.constant(node.inputs[index] ?? ''), by));
    if (constants.some((constant) => constant === undefined)) return undefined;
    return () => {
      const inputs = [...node.inputs];
      indices.forEach((index, i) => {
        inputs[index] = editor.addConstant(`${inputs[index]}_smooth`, constants[i] as Tensor);
      });
      editor.replace(node, Object.freeze({ ...node, inputs }));
    };
  };
  switch (node.opType) {
    case 'LayerNormalization':
      return replaced((node.inputs[2] ?? '') === '' ? [1] : [1, 2]);
    case 'Mul':
      return replaced([1]) ?? replaced([0]);
    case 'Add': {
      const index = divided(editor.constant(node.inputs[1] ?? ''), by) ? 1 : 0;
      const other = node.inputs[1 - index] ?? '';
      const addend = replaced([index]);
      const before = addend && editor.soleConsumer(other) === node ? foldInto(editor, other, by) : undefined;
      return (
        addend &&
        before &&
        (() => {
          addend();
          before();
        })
      );
    }
    default:
      return undefined;
  }
}

/** W with the rows that read each channel multiplied by its divisor. */
function multiplied(node: Node, graph: TransformContext['model']['graph'], by: Float64Array): Tensor {
  const operand = weightOperands(node, graph).find(({ index }) => index === 1);
  if (!operand) throw new Error(`${node.name} has no constant weights`);
  const { layout, tensor } = operand;
  const weights = elements(tensor, 'float32').slice();
  for (let channel = 0; channel < layout.channels; channel++)
    for (let k = 0; k < layout.k; k++) {
      const at = layout.index(channel, k);
      weights[at] = (weights[at] as number) * (by[k] as number);
    }
  return floats(weights, tensor.dims);
}

/** The largest weight that each input channel meets. */
function largestWeights(products: readonly Node[], graph: TransformContext['model']['graph'], channels: number) {
  const result = new Float64Array(channels);
  for (const product of products) {
    const { k, n, values } = matrixWeights(product, graph);
    for (let row = 0; row < k; row++)
      for (let column = 0; column < n; column++)
        result[row] = Math.max(result[row] as number, Math.abs(values[row * n + column] as number));
  }
  return result;
}

async function rewritten(
  { model, signal }: TransformContext,
  found: readonly Place[],
  magnitudes: ReadonlyMap<string, Float32Array>,
  alpha: number,
): Promise<Transformed> {
  const result = cloneModel(model);
  const editor = new GraphEditor(result.graph);
  const breathe = breathing(signal);
  let changes = 0;
  for (const { value, products, shared } of found) {
    await breathe(
      products.reduce(
        (sum, { inputs }) => sum + elementCount(model.graph.initializers.get(inputs[1] ?? '')?.dims ?? [0]),
        0,
      ),
    );
    const sizes = magnitudes.get(value);
    if (!sizes) continue;
    const by = divisors(sizes, largestWeights(products, model.graph, sizes.length), alpha);
    if (by.every((each) => Math.abs(each - 1) < 1e-6)) continue;
    const fold = shared ? undefined : foldInto(editor, value, by);
    const smoothed = fold ? value : editor.freshName(`${value}_smooth`);
    const names = new Set(products.map(({ name }) => name));
    const readers = result.graph.nodes.filter(({ name }) => names.has(name));
    const [first] = readers;
    if (!first) continue;
    if (fold) fold();
    else {
      const inverse = editor.addConstant(`${value}_smooth_factor`, floats(by.map((each) => 1 / each)));
      editor.insertBefore(first, create('Mul', [value, inverse], [smoothed], { name: `${value}_smooth_Mul` }));
    }
    for (const reader of readers) {
      const weight = editor.addConstant(`${reader.inputs[1]}_smooth`, multiplied(reader, model.graph, by));
      editor.replace(reader, Object.freeze({ ...reader, inputs: [smoothed, weight, ...reader.inputs.slice(2)] }));
    }
    changes++;
  }
  return { model: result, changes };
}

/**
 * SmoothQuant (Xiao et al., 2022) for MatMul and Gemm: channels of an activation that stand out are divided, and the rows of the weights
 * that read them multiplied, so that all channels use the range they share. The division folds into the LayerNormalization, the Mul or
 * the Add of a constant that made the activation when nothing else reads it; else it is one Mul before the products. Exact in FP32.
 */
export const smooth: Transform = async (context) => {
  const found = places(context);
  if (found.length === 0) return [];
  const values = found.flatMap(({ value }) => {
    const rank = context.shapes.get(value)?.dims.length;
    return rank === undefined ? [] : [{ value, axis: rank - 1 }];
  });
  const magnitudes = await channelMagnitudes(context, values);
  return ALPHAS.map((alpha) => ({
    name: `alpha ${alpha}`,
    apply: () => rewritten(context, found, magnitudes, alpha),
  }));
};
