import type { GraphEditor } from '../ir/editor.js';
import { scalarConstant } from './float-constant.js';

/** Operators whose result is never a lone number. */
const MAKES_AXES = new Set([
  'AveragePool',
  'BatchNormalization',
  'Concat',
  'Conv',
  'ConvTranspose',
  'Gemm',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'InstanceNormalization',
  'LayerNormalization',
  'MaxPool',
  'Softmax',
]);
/** Operators whose result has at least the axes of each of their inputs. */
const KEEPS_AXES = new Set([
  ...['Add', 'Div', 'Mul', 'Sub', 'Sum'],
  ...['Clip', 'HardSigmoid', 'HardSwish', 'Identity', 'Neg', 'Relu', 'Sigmoid', 'Tanh'],
]);
/** Values that are looked at before giving up: whatever makes axes stands near. */
const MOST_VALUES = 32;

/** Whether the graph shows that a value has at least one dimension. */
function hasAxes(editor: GraphEditor, value: string): boolean {
  const open = [value];
  for (let looked = 0; looked < MOST_VALUES; looked++) {
    const name = open.pop();
    if (name === undefined) return false;
    const type = editor.graph.inputs.find((input) => input.name === name)?.type ?? editor.graph.values.get(name);
    const rank = (type?.kind === 'tensor' ? type.shape?.length : undefined) ?? editor.constant(name)?.dims.length;
    if (rank !== undefined && rank > 0) return true;
    const node = editor.producer(name);
    if (node?.domain !== '') continue;
    if (MAKES_AXES.has(node.opType)) return true;
    const weights = editor.constant(node.inputs[1] ?? '');
    if (node.opType === 'MatMul' && weights && weights.dims.length > 1) return true;
    if (KEEPS_AXES.has(node.opType)) open.push(...node.inputs.filter((input) => input !== ''));
  }
  return false;
}

/** The number behind a float32 constant that holds one element and adds no dimension to `value`, with which it is combined. */
export function scalarBeside(editor: GraphEditor, constant: string, value: string): number | undefined {
  const number = scalarConstant(editor, constant);
  const adds = (editor.constant(constant)?.dims.length ?? 0) > 0;
  return number !== undefined && adds && !hasAxes(editor, value) ? undefined : number;
}
