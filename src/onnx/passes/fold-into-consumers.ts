import { GraphEditor } from '../ir/editor.js';
import { node as create, type Graph, type Node } from '../ir/graph.js';
import { floats } from '../ir/tensor.js';
import { type Affine, readAffine } from './affine.js';
import { channelCounts } from './channel-count.js';
import { isUnpadded, type LinearLayer, mayScale, readLinearLayer, withWeights } from './linear-layer.js';
import type { Pass } from './pass.js';
import { fitsSingle, productsSurvive } from './products-survive.js';

/** The layers that read a value, when all its readers are such layers and read it as their data. */
function readersOf(editor: GraphEditor, value: string): LinearLayer[] | undefined {
  const uses = editor.uses(value);
  if (uses.length === 0 || editor.isOutput(value)) return undefined;
  const layers = uses.flatMap((use) =>
    use.nested || use.index !== 0 ? [] : (readLinearLayer(editor, use.node) ?? []),
  );
  return layers.length === uses.length ? layers : undefined;
}

/** The bias W·b + v; null where there is none. */
function foldedBias({ data, bias, inputAt, outputAt, outputChannels }: LinearLayer, shift: Float64Array | null) {
  if (!shift) return bias ? Float64Array.from(bias) : null;
  const sums = bias ? Float64Array.from(bias) : new Float64Array(outputChannels);
  for (let i = 0; i < data.length; i++) {
    const to = outputAt(i);
    sums[to] = (sums[to] as number) + (data[i] as number) * (shift[inputAt(i)] as number);
  }
  return sums;
}

/** Whether the layer's weights may be scaled and float32 holds what folding makes of them. */
function canFold(editor: GraphEditor, layer: LinearLayer, { scale, shift }: Omit<Affine, 'input'>): boolean {
  const { data, inputAt } = layer;
  if (scale && !mayScale(editor, layer)) return false;
  if (scale && !productsSurvive(data, (i) => scale[inputAt(i)] as number)) return false;
  return (
    !shift || (productsSurvive(data, (i) => shift[inputAt(i)] as number) && fitsSingle(foldedBias(layer, shift) ?? []))
  );
}

/** W·(s∘x + b) + v = (W∘s)·x + (W·b + v); a shift may only meet layers whose padding adds no zeros. */
function folded(editor: GraphEditor, layer: LinearLayer, { input, scale, shift }: Affine): Node {
  const { data, inputAt } = layer;
  const weights = scale ? data.map((value, i) => value * (scale[inputAt(i)] as number)) : data;
  const node = withWeights(editor, layer, weights, foldedBias(layer, shift));
  return Object.freeze({ ...node, inputs: [input, ...node.inputs.slice(1)] });
}

function foldAll(editor: GraphEditor, affine: Affine, layers: readonly LinearLayer[]): void {
  for (const layer of layers) editor.replace(layer.node, folded(editor, layer, affine));
}

const acceptsShift = ({ node }: LinearLayer) => node.opType !== 'ConvTranspose' && isUnpadded(node);

/** A constant per channel in the shape that broadcasts over a value of `rank` dimensions; a scalar where all channels agree. */
function perChannel(values: Float64Array, rank: number) {
  const uniform = values.every((value) => value === values[0]);
  return uniform
    ? floats([values[0] as number], [])
    : floats(values, [values.length, ...Array<number>(rank - 2).fill(1)]);
}

/**
 * Past an Add: s∘x + b = s∘(x + b/s), so the scale folds into padded layers too (zeros stay zeros) and only x + b/s remains,
 * beside whatever makes x, which can then fuse with its own Conv.
 */
function foldScalePastAdd(editor: GraphEditor, add: Node, shift: Affine, layers: readonly LinearLayer[]): boolean {
  const [{ inputChannels, rank }] = layers as [LinearLayer, ...LinearLayer[]];
  const mul = editor.producer(shift.input);
  const scaled = mul && readAffine(editor, mul, inputChannels, rank);
  if (!mul || !scaled?.scale || scaled.shift || !shift.shift || editor.soleConsumer(shift.input) !== add) return false;
  const { scale } = scaled;
  const quotient = shift.shift.map((value, c) => value / (scale[c] as number));
  if (!quotient.every((value) => Number.isFinite(Math.fround(value)))) return false;
  if (!productsSurvive(shift.shift, (c) => 1 / (scale[c] as number))) return false;
  if (!layers.every((layer) => canFold(editor, layer, { scale, shift: null }))) return false;
  const [output = ''] = add.outputs;
  const constant = editor.addConstant(`${output}_shift`, perChannel(quotient, rank));
  editor.remove(mul);
  editor.replace(add, create('Add', [scaled.input, constant], [output], { name: add.name }));
  foldAll(editor, { input: output, scale, shift: null }, layers);
  return true;
}

/**
 * Mul, Div, Add, Sub and BatchNormalization fold into the Conv, ConvTranspose and Gemm layers behind them, when those are all that
 * reads their output.
 */
export const foldIntoConsumers: Pass = {
  name: 'fold_into_consumers',
  run(graph: Graph): number {
    const editor = new GraphEditor(graph);
    // What is folded leaves the sizes of all other values as they are.
    const counts = channelCounts(editor);
    let changes = 0;
    for (const candidate of [...graph.nodes]) {
      const [output = ''] = candidate.outputs;
      const layers = editor.producer(output) === candidate ? readersOf(editor, output) : undefined;
      const [first] = layers ?? [];
      const affine = first && readAffine(editor, candidate, first.inputChannels, first.rank);
      if (!layers || !affine || counts.get(affine.input) !== first.inputChannels) continue;
      if (!affine.shift || layers.every(acceptsShift)) {
        if (!layers.every((layer) => canFold(editor, layer, affine))) continue;
        editor.remove(candidate);
        foldAll(editor, affine, layers);
        changes++;
      } else if (!affine.scale && foldScalePastAdd(editor, candidate, affine, layers)) changes++;
    }
    return changes;
  },
};
