import { GraphEditor } from '../ir/editor.js';
import { node as create, type Graph, type Node } from '../ir/graph.js';
import { scalarConstant } from './float-constant.js';
import type { Pass } from './pass.js';

/** A node as max(x, low) or min(x, high) with a scalar constant. */
function readBound(editor: GraphEditor, node: Node | undefined, opType: 'Max' | 'Min') {
  if (node?.opType !== opType || node.domain !== '' || node.inputs.length !== 2) return undefined;
  const [left = '', right = ''] = node.inputs;
  const [value, bound] = editor.constant(left) ? [right, left] : [left, right];
  const scalar = scalarConstant(editor, bound);
  return scalar === undefined || editor.constant(value) ? undefined : { value, bound, scalar };
}

const named = (node: Node, opType: string, inputs: readonly string[]): Node =>
  create(opType, inputs, node.outputs, { name: node.name });

/** Clip takes scalars only; Min and Max also vectors of one. */
const isScalar = (editor: GraphEditor, value: string) => editor.constant(value)?.dims.length === 0;

function rewritten(editor: GraphEditor, node: Node): Node | undefined {
  if (node.opType === 'Clip' && node.domain === '') {
    const [input = '', low, high = ''] = node.inputs;
    const open = high === '' || (scalarConstant(editor, high) ?? 0) >= 3.4e38;
    return open && scalarConstant(editor, low) === 0 ? named(node, 'Relu', [input]) : undefined;
  }
  const low = readBound(editor, node, 'Max');
  if (low?.scalar === 0 && isScalar(editor, low.bound)) return named(node, 'Relu', [low.value]);
  const high = readBound(editor, node, 'Min');
  const inner = high && editor.producer(high.value);
  if (!high || !inner || editor.soleConsumer(high.value) !== node || !isScalar(editor, high.bound)) return undefined;
  // A Relu under a Min comes from max(x, 0), rewritten before.
  if (inner.opType === 'Relu' && inner.domain === '') {
    const zero = editor.addConstant('zero', { dtype: 'float32', dims: [], bytes: new Uint8Array(4) });
    return named(node, 'Clip', [inner.inputs[0] ?? '', zero, high.bound]);
  }
  const bottom = readBound(editor, inner, 'Max');
  if (!bottom || !isScalar(editor, bottom.bound) || bottom.scalar > high.scalar) return undefined;
  return named(node, 'Clip', [bottom.value, bottom.bound, high.bound]);
}

/** max(x, 0) and Clip from 0 up become Relu, min(max(x, a), b) Clip: the forms that fuse into the Conv before them. */
export const boundedForms: Pass = {
  name: 'bounded_forms',
  run(graph: Graph): number {
    const editor = new GraphEditor(graph);
    let changes = 0;
    for (const node of [...graph.nodes]) {
      const replacement = rewritten(editor, node);
      if (!replacement) continue;
      editor.replace(node, replacement);
      changes++;
    }
    return changes;
  },
};
