import { GraphEditor } from '../ir/editor.js';
import { node as create, float, type Graph } from '../ir/graph.js';
import { floats } from '../ir/tensor.js';
import { readAffine } from './affine.js';
import { isBlocked } from './blocked-layout.js';
import { channelCount } from './channel-count.js';
import { readLinearLayer } from './linear-layer.js';
import type { Pass } from './pass.js';

/**
 * What is left of Mul and Add by constants between two float Convs becomes BatchNormalization(γ = scale, β = shift, μ = 0, σ² = 1,
 * ε = 0): the same numbers, but ONNX Runtime has that operator in its blocked layout (as a depthwise Conv), while an Add with a
 * constant makes it leave the layout and enter it again, two copies of the whole value.
 * @param block channels per block on the CPU that will run the model
 */
export const affineInBlockedLayout = (block: number): Pass => ({
  name: 'affine_in_blocked_layout',
  run(graph: Graph): number {
    if (block === 1) return 0;
    const editor = new GraphEditor(graph);
    let changes = 0;
    for (const node of [...graph.nodes]) {
      const [output = ''] = node.outputs;
      const [use] = editor.uses(output);
      const layer = use && use.index === 0 ? readLinearLayer(editor, use.node) : undefined;
      if (layer?.node.opType !== 'Conv' || node.opType === 'BatchNormalization') continue;
      const channels = layer.inputChannels;
      const affine = channels % block === 0 ? readAffine(editor, node, channels, layer.rank) : undefined;
      if (!affine || channelCount(editor, affine.input) !== channels || !isBlocked(editor, affine.input, block))
        continue;
      const constants = [
        affine.scale ?? new Float32Array(channels).fill(1),
        affine.shift ?? new Float32Array(channels),
        new Float32Array(channels),
        new Float32Array(channels).fill(1),
      ].map((values, index) =>
        editor.addConstant(`${output}_${['scale', 'shift', 'mean', 'variance'][index]}`, floats(values)),
      );
      const normalization = create('BatchNormalization', [affine.input, ...constants], [output], {
        name: node.name,
        attributes: { epsilon: float(0) },
      });
      editor.replace(node, normalization);
      changes++;
    }
    return changes;
  },
});
