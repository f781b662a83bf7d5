import { GraphEditor } from '../ir/editor.js';
import type { Graph, Node } from '../ir/graph.js';
import { type Affine, readAffine } from './affine.js';
import { type LinearLayer, mayScale, readLinearLayer, withWeights } from './linear-layer.js';
import type { Pass } from './pass.js';
import { fitsSingle, productsSurvive } from './products-survive.js';

/** s∘(W·x + v) + b = (s∘W)·x + (s∘v + b); undefined where the weights may not be scaled so. */
function folded(editor: GraphEditor, layer: LinearLayer, { scale, shift }: Affine, output: string): Node | undefined {
  const { data, outputAt, outputChannels } = layer;
  if (scale && !mayScale(editor, layer)) return undefined;
  if (scale && !productsSurvive(data, (i) => scale[outputAt(i)] as number)) return undefined;
  const weights = scale ? data.map((value, i) => value * (scale[outputAt(i)] as number)) : data;
  const bias = Float64Array.from(
    { length: outputChannels },
    (_, c) => (layer.bias?.[c] ?? 0) * (scale?.[c] ?? 1) + (shift?.[c] ?? 0),
  );
  if (!fitsSingle(bias)) return undefined;
  const node = withWeights(editor, layer, weights, bias);
  return Object.freeze({ ...node, outputs: [output] });
}

/**
 * Mul, Div, Add and Sub by a constant per channel or scalar, and BatchNormalization, fold into the Conv, ConvTranspose or Gemm that
 * makes their input. Constants are combined in double precision.
 */
export const foldIntoProducer: Pass = {
  name: 'fold_into_producer',
  run(graph: Graph): number {
    const editor = new GraphEditor(graph);
    let changes = 0;
    for (const candidate of [...graph.nodes]) {
      for (let layer = readLinearLayer(editor, candidate); layer; ) {
        const [made = ''] = layer.node.outputs;
        const reader = editor.soleConsumer(made);
        const affine = reader && readAffine(editor, reader, layer.outputChannels, layer.rank);
        if (!reader || affine?.input !== made) break;
        const node = folded(editor, layer, affine, reader.outputs[0] ?? '');
        if (!node) break;
        editor.remove(layer.node);
        editor.replace(reader, node);
        // A chain of many scales would leave one copy of the weight for each.
        editor.dropUnread(layer.node.inputs);
        changes++;
        layer = readLinearLayer(editor, node);
      }
    }
    return changes;
  },
};
