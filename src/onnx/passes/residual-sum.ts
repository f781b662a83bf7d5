import { GraphEditor } from '../ir/editor.js';
import { node as create, type Graph } from '../ir/graph.js';
import type { Pass } from './pass.js';

/**
 * A residual Add before a LayerNormalization becomes Sum, which is the same sum. ONNX Runtime fuses Add and LayerNormalization into
 * SkipLayerNormalization, whose CPU kernel takes 137 µs where the two take 27 (64x384 floats, AVX-512; with a Tanh before them 227 against
 * 70 on AVX2); it does not fuse Sum. It fuses only where it knows the shapes: elsewhere Sum costs nothing and gains nothing.
 */
export const residualSum: Pass = {
  name: 'residual_sum',
  run(graph: Graph): number {
    const editor = new GraphEditor(graph);
    let changes = 0;
    for (const node of [...graph.nodes]) {
      const [output = ''] = node.outputs;
      const normalized = editor.uses(output).some((use) => use.node.opType === 'LayerNormalization' && use.index === 0);
      if (node.opType !== 'Add' || node.domain !== '' || !normalized) continue;
      if (node.inputs.some((input) => editor.constant(input))) continue;
      editor.replace(node, create('Sum', node.inputs, node.outputs, { name: node.name }));
      changes++;
    }
    return changes;
  },
};
