import type { Dimension } from '../../contracts/signature.js';
import { GraphEditor } from '../ir/editor.js';
import { node as create, float, type Graph, type Node } from '../ir/graph.js';
import { floats } from '../ir/tensor.js';
import { symbolicShapes } from '../shapes/symbolic-shapes.js';
import { readAffine } from './affine.js';
import { isBlocked } from './blocked-layout.js';
import type { Pass } from './pass.js';

/** Batch, channels, height, width: the layout exists for images only. */
const IMAGE_RANK = 4;

/** The BatchNormalization in place of an affine map of a blocked value that a Conv reads. */
function inLayout(
  editor: GraphEditor,
  node: Node,
  shapes: ReadonlyMap<string, readonly Dimension[]>,
  blocked: ReadonlySet<string>,
): Node | undefined {
  const [output = ''] = node.outputs;
  const [use] = editor.uses(output);
  const channels = shapes.get(output)?.[1];
  if (use?.node.opType !== 'Conv' || use.index !== 0 || node.opType === 'BatchNormalization') return undefined;
  const affine = typeof channels === 'number' ? readAffine(editor, node, channels, IMAGE_RANK) : undefined;
  if (typeof channels !== 'number' || !affine || shapes.get(affine.input)?.[1] !== channels) return undefined;
  if (!blocked.has(affine.input)) return undefined;
  const constants = [
    affine.scale ?? new Float32Array(channels).fill(1),
    affine.shift ?? new Float32Array(channels),
    new Float32Array(channels),
    new Float32Array(channels).fill(1),
  ].map((values, index) =>
    editor.addConstant(`${output}_${['scale', 'shift', 'mean', 'variance'][index]}`, floats(values)),
  );
  return create('BatchNormalization', [affine.input, ...constants], [output], {
    name: node.name,
    attributes: { epsilon: float(0) },
  });
}

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
    const shapes = symbolicShapes(graph);
    const blocked = new Set<string>();
    let changes = 0;
    for (const node of [...graph.nodes]) {
      const [output = ''] = node.outputs;
      const normalization = inLayout(editor, node, shapes, blocked);
      if (normalization) {
        editor.replace(node, normalization);
        changes++;
      }
      if (isBlocked(editor, normalization ?? node, block, shapes, blocked)) blocked.add(output);
    }
    return changes;
  },
});
