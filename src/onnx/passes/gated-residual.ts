import { GraphEditor } from '../ir/editor.js';
import { node as create, type Graph, type Node } from '../ir/graph.js';
import { floats } from '../ir/tensor.js';
import type { Pass } from './pass.js';

/** Operators of a squeeze-excite branch: they keep one number per channel. */
const BRANCH = new Set([
  'Conv',
  'Relu',
  'Sigmoid',
  'HardSigmoid',
  'HardSwish',
  'Clip',
  'Mul',
  'Add',
  'BatchNormalization',
]);
const POOLS = new Set(['GlobalAveragePool', 'GlobalMaxPool']);

/** Whether a value has one element per channel: its branch starts at a global pooling. */
function isPooled(editor: GraphEditor, value: string): boolean {
  const node = editor.producer(value);
  if (node?.domain !== '') return false;
  if (POOLS.has(node.opType)) return true;
  if (!BRANCH.has(node.opType)) return false;
  const data =
    node.opType === 'Conv' ? node.inputs.slice(0, 1) : node.inputs.filter((input) => !editor.constant(input));
  return data.length > 0 && data.every((input) => isPooled(editor, input));
}

function readGate(editor: GraphEditor, add: Node): { mul: Node; value: string; gate: string } | undefined {
  for (const product of add.inputs) {
    const value = add.inputs.find((input) => input !== product);
    const mul = editor.producer(product);
    if (value === undefined || mul?.opType !== 'Mul' || mul.domain !== '' || editor.soleConsumer(product) !== add)
      continue;
    const gate = mul.inputs.find((input) => input !== value);
    if (gate !== undefined && mul.inputs.includes(value) && isPooled(editor, gate)) return { mul, value, gate };
  }
  return undefined;
}

/** x + x·g = x·(1 + g) where the gate g holds one number per channel: one pass over x less. */
export const gatedResidual: Pass = {
  name: 'gated_residual',
  run(graph: Graph): number {
    const editor = new GraphEditor(graph);
    let changes = 0;
    for (const add of [...graph.nodes]) {
      if (add.opType !== 'Add' || add.domain !== '' || add.inputs.length !== 2) continue;
      const found = readGate(editor, add);
      if (!found) continue;
      const { mul, value, gate } = found;
      const sum = editor.freshName(`${gate}_plus_one`);
      const one = editor.addConstant('one', floats([1], []));
      editor.remove(mul);
      editor.replace(
        add,
        create('Add', [gate, one], [sum], { name: add.name }),
        create('Mul', [value, sum], add.outputs, { name: mul.name }),
      );
      changes++;
    }
    return changes;
  },
};
