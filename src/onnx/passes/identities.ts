import type { ElementType } from '../../contracts/signature.js';
import { GraphEditor } from '../ir/editor.js';
import { type Graph, intAttribute, intsAttribute, type Node } from '../ir/graph.js';
import { renameReads } from '../ir/rename-reads.js';
import { elementType } from '../serde/element-types.js';
import type { Pass } from './pass.js';

/** Operators whose first output always has this type. */
const OUTPUT_TYPES: Readonly<Record<string, ElementType>> = {
  ArgMax: 'int64',
  ArgMin: 'int64',
  NonZero: 'int64',
  Shape: 'int64',
  Size: 'int64',
};

function dtypeOf(editor: GraphEditor, value: string): ElementType | undefined {
  const constant = editor.constant(value);
  if (constant) return constant.dtype;
  const recorded = editor.graph.inputs.find(({ name }) => name === value)?.type ?? editor.graph.values.get(value);
  if (recorded?.kind === 'tensor') return recorded.dtype;
  const producer = editor.producer(value);
  if (producer?.outputs[0] !== value || producer.domain !== '') return undefined;
  return producer.opType === 'Cast' ? elementType(intAttribute(producer, 'to', 0)) : OUTPUT_TYPES[producer.opType];
}

/** Whether the node hands its first input on as it is. */
function passesOn(editor: GraphEditor, node: Node): boolean {
  if (node.domain !== '') return false;
  switch (node.opType) {
    case 'Identity':
      return true;
    case 'Dropout':
      return (node.inputs[2] ?? '') === '' && (node.outputs[1] ?? '') === '';
    case 'Cast':
      return dtypeOf(editor, node.inputs[0] ?? '') === elementType(intAttribute(node, 'to', 0));
    case 'Transpose':
      return intsAttribute(node, 'perm')?.every((axis, index) => axis === index) ?? false;
    case 'Concat':
      return node.inputs.length === 1;
    default:
      return false;
  }
}

/**
 * Removes nodes that hand their input on: Identity, Dropout (which does nothing in inference), Cast to the same type, Transpose in
 * the same order, Concat of one. A node that makes a graph output from an input or a constant stays: the output needs its name.
 */
export const identities: Pass = {
  name: 'identities',
  run(graph: Graph): number {
    let changes = 0;
    const editor = new GraphEditor(graph);
    const names = new Map<string, string>();
    const removed = new Set<Node>();
    const outputs = new Map<string, string>();
    for (const node of graph.nodes) {
      const [input = ''] = node.inputs;
      const [output = ''] = node.outputs;
      if (input === '' || !passesOn(editor, node)) continue;
      const source = names.get(input) ?? input;
      if (editor.isOutput(output)) {
        // The maker of the value takes the output's name, unless it has to keep its own or gives it away already.
        if (!editor.producer(source) || editor.isOutput(source) || outputs.has(source)) continue;
        outputs.set(source, output);
      } else names.set(output, source);
      removed.add(node);
      changes++;
    }
    if (changes === 0) return 0;
    graph.nodes = graph.nodes.filter((node) => !removed.has(node));
    graph.nodes = graph.nodes.map((node) =>
      node.outputs.some((output) => outputs.has(output))
        ? Object.freeze({ ...node, outputs: node.outputs.map((output) => outputs.get(output) ?? output) })
        : node,
    );
    const final = (name: string) => outputs.get(name) ?? name;
    renameReads(graph, new Map([...outputs, ...[...names].map(([from, to]) => [from, final(to)] as const)]));
    return changes;
  },
};
