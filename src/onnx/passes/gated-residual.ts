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

/**
 * The values with one element per channel: their branches start at a global pooling. Found once for all values, in the order of the
 * nodes: looking back from a value would take a way per path, and a graph can have exponentially many.
 */
function pooledValues(editor: GraphEditor): ReadonlySet<string> {
  const pooled = new Set<string>();
  const isPooled = ({ opType, domain, inputs }: Node): boolean => {
    if (domain !== '') return false;
    if (POOLS.has(opType)) return true;
    if (!BRANCH.has(opType)) return false;
    const data = opType === 'Conv' ? inputs.slice(0, 1) : inputs.filter((input) => !editor.constant(input));
    return data.length > 0 && data.every((input) => pooled.has(input));
  };
  for (const node of editor.graph.nodes) {
    const [output = ''] = node.outputs;
    if (output !== '' && isPooled(node)) pooled.add(output);
  }
  return pooled;
}

function readGate(
  editor: GraphEditor,
  pooled: ReadonlySet<string>,
  add: Node,
): { mul: Node; value: string; gate: string } | undefined {
  for (const product of add.inputs) {
    const value = add.inputs.find((input) => input !== product);
    const mul = editor.producer(product);
    if (value === undefined || mul?.opType !== 'Mul' || mul.domain !== '' || editor.soleConsumer(product) !== add)
      continue;
    const gate = mul.inputs.find((input) => input !== value);
    if (gate !== undefined && mul.inputs.includes(value) && pooled.has(gate)) return { mul, value, gate };
  }
  return undefined;
}

/** x + x·g = x·(1 + g) where the gate g holds one number per channel: one pass over x less. */
export const gatedResidual: Pass = {
  name: 'gated_residual',
  run(graph: Graph): number {
    const editor = new GraphEditor(graph);
    // What is rewritten keeps its value, so that no other value starts or ceases to be pooled.
    const pooled = pooledValues(editor);
    let changes = 0;
    for (const add of [...graph.nodes]) {
      if (add.opType !== 'Add' || add.domain !== '' || add.inputs.length !== 2) continue;
      const found = readGate(editor, pooled, add);
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
