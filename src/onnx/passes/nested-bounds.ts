import { GraphEditor } from '../ir/editor.js';
import { node as create, type Graph, type Node } from '../ir/graph.js';
import { scalar } from '../ir/tensor.js';
import { scalarConstant } from './float-constant.js';
import type { Pass } from './pass.js';

/** The interval that Relu, or Clip with constant bounds, confines its input to. */
function interval(editor: GraphEditor, node: Node | undefined): readonly [low: number, high: number] | undefined {
  if (node?.domain !== '') return undefined;
  if (node.opType === 'Relu') return [0, Number.POSITIVE_INFINITY];
  if (node.opType !== 'Clip') return undefined;
  const bound = (name: string | undefined, open: number) => (name ? scalarConstant(editor, name) : open);
  const low = bound(node.inputs[1], Number.NEGATIVE_INFINITY);
  const high = bound(node.inputs[2], Number.POSITIVE_INFINITY);
  return low === undefined || high === undefined || low > high ? undefined : [low, high];
}

function merged(editor: GraphEditor, outer: Node): Node | undefined {
  const inner = editor.producer(outer.inputs[0] ?? '');
  const [a, b] = [interval(editor, inner), interval(editor, outer)];
  if (!inner || !a || !b) return undefined;
  const [low, high] = [Math.max(a[0], b[0]), Math.min(a[1], b[1])];
  // Intervals without a common point leave a constant, which is not worth a rule.
  if (low > high) return undefined;
  const input = inner.inputs[0] ?? '';
  const bound = (name: string, value: number) =>
    Number.isFinite(value) ? editor.addConstant(name, scalar(value)) : '';
  if (low === 0 && high === Number.POSITIVE_INFINITY)
    return create('Relu', [input], outer.outputs, { name: outer.name });
  return create('Clip', [input, bound('low', low), bound('high', high)], outer.outputs, { name: outer.name });
}

/**
 * clip(clip(x, a, b), c, d) = clip(x, max(a, c), min(b, d)), Relu being a clip from 0. (ONNX Runtime 1.30 cannot load a quantized Add or
 * layer with two of them behind it: "two nodes with same node name".)
 */
export const nestedBounds: Pass = {
  name: 'nested_bounds',
  run(graph: Graph): number {
    const editor = new GraphEditor(graph);
    let changes = 0;
    for (const node of [...graph.nodes]) {
      if (!interval(editor, node)) continue;
      const replacement = merged(editor, node);
      if (!replacement) continue;
      editor.replace(node, replacement);
      changes++;
    }
    return changes;
  },
};
