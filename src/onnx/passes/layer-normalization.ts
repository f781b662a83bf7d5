import { ServiceError } from '../../platform/errors.js';
import { GraphEditor } from '../ir/editor.js';
import { node as create, float, type Graph, intAttribute, intsAttribute, type Model, type Node } from '../ir/graph.js';
import { elements, integers } from '../ir/tensor.js';
import { graphsOf } from '../ir/visit-graphs.js';
import { raiseOpset } from '../opset/raise-opset.js';
import { scalarConstant } from './float-constant.js';

/** The operator set that brought LayerNormalization. */
const OPSET = 17;

const isA = (node: Node | undefined, ...opTypes: readonly string[]): node is Node =>
  node?.domain === '' && opTypes.includes(node.opType);

/** The value whose mean along the last axis this is. */
function meanOf(editor: GraphEditor, value: string): string | undefined {
  const node = editor.producer(value);
  if (!isA(node, 'ReduceMean') || intAttribute(node, 'keepdims', 1) !== 1) return undefined;
  const operand = editor.constant(node.inputs[1] ?? '');
  const axes = intsAttribute(node, 'axes') ?? (operand ? integers(operand) : []);
  return axes.length === 1 && axes[0] === -1 ? node.inputs[0] : undefined;
}

/** x, when the value is x − mean(x). */
function centred(editor: GraphEditor, value: string): string | undefined {
  const node = editor.producer(value);
  const [x = '', mean = ''] = node?.inputs ?? [];
  return isA(node, 'Sub') && meanOf(editor, mean) === x ? x : undefined;
}

/** d, when the value is d·d or d². */
function squareOf(editor: GraphEditor, value: string): string | undefined {
  const node = editor.producer(value);
  const [left = '', right = ''] = node?.inputs ?? [];
  if (isA(node, 'Pow')) return scalarConstant(editor, right) === 2 ? left : undefined;
  return isA(node, 'Mul') && left === right ? left : undefined;
}

/** The operand of a two-sided operator that `read` understands, with what it read, and the other one. */
function either<Found>(node: Node, read: (value: string) => Found | undefined) {
  const [left = '', right = ''] = node.inputs;
  const fromRight = read(right);
  if (fromRight !== undefined) return { found: fromRight, other: left };
  const fromLeft = read(left);
  return fromLeft === undefined ? undefined : { found: fromLeft, other: right };
}

/** x and ε, when the value is √(mean((x − mean(x))²) + ε). */
function deviation(editor: GraphEditor, value: string): { x: string; epsilon: number } | undefined {
  const root = editor.producer(value);
  const sum = isA(root, 'Sqrt') ? editor.producer(root.inputs[0] ?? '') : undefined;
  const parts = isA(sum, 'Add') ? either(sum, (operand) => scalarConstant(editor, operand)) : undefined;
  const square = parts && meanOf(editor, parts.other);
  const difference = square === undefined ? undefined : squareOf(editor, square);
  const x = difference === undefined ? undefined : centred(editor, difference);
  return x === undefined || !parts ? undefined : { x, epsilon: parts.found };
}

/** x and ε, when the node is (x − mean(x)) / √(variance + ε): a Div, or a Mul with the reciprocal. */
function standardized(editor: GraphEditor, node: Node): { x: string; epsilon: number } | undefined {
  const inverse = (value: string) => {
    const reciprocal = editor.producer(value);
    return isA(reciprocal, 'Reciprocal') ? deviation(editor, reciprocal.inputs[0] ?? '') : undefined;
  };
  const [left = '', right = ''] = node.inputs;
  const found = isA(node, 'Div')
    ? { found: deviation(editor, right), other: left }
    : isA(node, 'Mul')
      ? either(node, inverse)
      : undefined;
  return found?.found && centred(editor, found.other) === found.found.x ? found.found : undefined;
}

interface Spelled {
  readonly x: string;
  readonly epsilon: number;
  readonly scale: string;
  readonly shift: string | null;
  /** The node whose output is the normalized, scaled, shifted value. */
  readonly last: Node;
}

/** A vector that `node` combines with `value`, as long as `length` says where that is known. */
function vectorBeside(editor: GraphEditor, node: Node, value: string, length?: number): string | undefined {
  const name = node.inputs.find((input) => input !== value) ?? '';
  const tensor = editor.constant(name);
  const isVector = tensor?.dtype === 'float32' && tensor.dims.length === 1 && elements(tensor, 'float32').length > 1;
  return isVector && (length === undefined || tensor.dims[0] === length) ? name : undefined;
}

function read(editor: GraphEditor, node: Node): Spelled | undefined {
  const found = standardized(editor, node);
  const [standard = ''] = node.outputs;
  const scaling = found && editor.soleConsumer(standard);
  const scale = isA(scaling, 'Mul') ? vectorBeside(editor, scaling, standard) : undefined;
  if (!found || !scaling || scale === undefined) return undefined;
  const [scaled = ''] = scaling.outputs;
  const shifting = editor.soleConsumer(scaled);
  const length = editor.constant(scale)?.dims[0];
  const shift = isA(shifting, 'Add') ? vectorBeside(editor, shifting, scaled, length) : undefined;
  return shift === undefined || !shifting
    ? { ...found, scale, shift: null, last: scaling }
    : { ...found, scale, shift, last: shifting };
}

function rewrite(graph: Graph): number {
  const editor = new GraphEditor(graph);
  const all = graph.nodes.flatMap((node) => read(editor, node) ?? []);
  for (const { x, epsilon, scale, shift, last } of all) {
    const inputs = shift === null ? [x, scale] : [x, scale, shift];
    const attributes = { axis: -1, epsilon: float(epsilon) };
    editor.replace(last, create('LayerNormalization', inputs, last.outputs, { name: last.name, attributes }));
  }
  return all.length;
}

/**
 * γ·(x − mean(x))/√(variance(x) + ε) + β along the last axis, spelled out as older exporters do, becomes LayerNormalization, for which the
 * operator set is raised. ONNX Runtime would fuse it itself; as one node it can also be told apart from the residual before it, be
 * computed in half precision without its squares leaving the range, and be read by other runtimes. Models that cannot be raised stay.
 * The nodes that only the spelling needed are dead afterwards.
 */
export function recognizeLayerNormalization(model: Model): { model: Model; changes: number } {
  const graphs = [...graphsOf(model.graph)];
  const spelled = graphs.some((graph) => {
    const editor = new GraphEditor(graph);
    return graph.nodes.some((node) => read(editor, node));
  });
  const raised = spelled ? raisedOrNothing(model) : undefined;
  if (!raised) return { model, changes: 0 };
  const changes = [...graphsOf(raised.graph)].reduce((sum, graph) => sum + rewrite(graph), 0);
  return { model: raised, changes };
}

function raisedOrNothing(model: Model): Model | undefined {
  try {
    return raiseOpset(model, OPSET).model;
  } catch (error) {
    // What stands in the way of a newer operator set is no fault of the model: it is as good as it was.
    if (error instanceof ServiceError && error.code === 'unsupported_opset') return undefined;
    throw error;
  }
}
