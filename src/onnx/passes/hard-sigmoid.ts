import { GraphEditor } from '../ir/editor.js';
import { node as create, float, type Graph, type Node } from '../ir/graph.js';
import { scalarConstant } from './float-constant.js';
import { scalarBeside } from './has-axes.js';
import type { Pass } from './pass.js';

/** The two operands of a product or sum, the one that is `value` first. */
function other(node: Node, value: string): string | undefined {
  const [left, right] = node.inputs;
  if (node.inputs.length !== 2 || left === right) return undefined;
  return left === value ? right : right === value ? left : undefined;
}

/** x + c as (x, c): an Add of a scalar, or a Sub of one. */
function readShift(editor: GraphEditor, value: string): { input: string; shift: number } | undefined {
  const node = editor.producer(value);
  const [left = '', right = ''] = node?.inputs ?? [];
  if (node?.domain !== '') return undefined;
  if (node.opType === 'Sub') {
    const shift = scalarBeside(editor, right, left);
    return shift === undefined ? undefined : { input: left, shift: -shift };
  }
  if (node.opType !== 'Add') return undefined;
  const fromRight = scalarBeside(editor, right, left);
  if (fromRight !== undefined) return { input: left, shift: fromRight };
  const fromLeft = scalarBeside(editor, left, right);
  return fromLeft === undefined ? undefined : { input: right, shift: fromLeft };
}

/** The number by which a node scales `value`: Mul by it, Div by its inverse. */
function readScale(editor: GraphEditor, node: Node | undefined, value: string): number | undefined {
  if (node?.domain !== '') return undefined;
  const [left, right] = node.inputs;
  const operand = other(node, value);
  if (operand === undefined) return undefined;
  const scalar = scalarBeside(editor, operand, value);
  if (scalar === undefined) return undefined;
  if (node.opType === 'Mul') return scalar;
  return node.opType === 'Div' && left === value && right === operand && scalar !== 0 ? 1 / scalar : undefined;
}

interface Clipped {
  readonly clip: Node;
  readonly output: string;
  /** clip(input + shift, 0, top) */
  readonly input: string;
  readonly shift: number;
  readonly top: number;
}

/** Clip(x + c, 0, m): written as Clip with constant bounds. */
function readClipped(editor: GraphEditor, clip: Node): Clipped | undefined {
  if (clip.opType !== 'Clip' || clip.domain !== '') return undefined;
  const [value = '', low, high] = clip.inputs;
  const top = scalarConstant(editor, high);
  const sum = readShift(editor, value);
  if (scalarConstant(editor, low) !== 0 || top === undefined || top <= 0 || !sum) return undefined;
  return { clip, output: clip.outputs[0] ?? '', top, ...sum };
}

/** clip(x + c, 0, m)/m = max(0, min(1, x/m + c/m)), which is HardSigmoid(α = 1/m, β = c/m). */
function hardSigmoid({ clip, input, shift, top }: Clipped, output: string): Node {
  return create('HardSigmoid', [input], [output], {
    name: clip.name,
    attributes: { alpha: float(1 / top), beta: float(shift / top) },
  });
}

const isInverse = (scale: number | undefined, top: number) => scale !== undefined && Math.abs(scale * top - 1) < 1e-6;

/** Clip → Div m, or Mul 1/m. */
function rewriteDirect(editor: GraphEditor, clipped: Clipped): boolean {
  const reader = editor.soleConsumer(clipped.output);
  if (!reader || !isInverse(readScale(editor, reader, clipped.output), clipped.top)) return false;
  editor.remove(clipped.clip);
  editor.replace(reader, hardSigmoid(clipped, reader.outputs[0] ?? ''));
  return true;
}

/** Clip → Mul with y, and the 1/m behind the product or on y: y · HardSigmoid(x). With y = x this is HardSwish. */
function rewriteProduct(editor: GraphEditor, clipped: Clipped): boolean {
  const product = editor.soleConsumer(clipped.output);
  const factor = product?.opType === 'Mul' && product.domain === '' ? other(product, clipped.output) : undefined;
  if (!product || factor === undefined) return false;
  const [made = ''] = product.outputs;
  const gate = editor.freshName(`${clipped.output}_gate`);
  const behind = editor.soleConsumer(made);
  if (behind && isInverse(readScale(editor, behind, made), clipped.top)) {
    editor.replace(clipped.clip, hardSigmoid(clipped, gate));
    editor.remove(product);
    editor.replace(behind, create('Mul', [factor, gate], behind.outputs, { name: product.name }));
    return true;
  }
  const scaled = editor.producer(factor);
  const source = scaled?.inputs.find((input) => isInverse(readScale(editor, scaled, input), clipped.top));
  if (!scaled || source === undefined || editor.soleConsumer(factor) !== product) return false;
  editor.replace(clipped.clip, hardSigmoid(clipped, gate));
  editor.remove(scaled);
  editor.replace(product, create('Mul', [source, gate], product.outputs, { name: product.name }));
  return true;
}

/**
 * HardSigmoid and HardSwish spelled out as Add, Clip, Mul, Div (in any order) become HardSigmoid and one Mul, which ONNX Runtime
 * fuses into the Conv before them.
 */
export const spelledHardSigmoid: Pass = {
  name: 'hard_sigmoid',
  run(graph: Graph): number {
    const editor = new GraphEditor(graph);
    let changes = 0;
    for (const node of [...graph.nodes]) {
      if (editor.producer(node.outputs[0] ?? '') !== node) continue;
      const clipped = readClipped(editor, node);
      if (clipped && (rewriteDirect(editor, clipped) || rewriteProduct(editor, clipped))) changes++;
    }
    return changes;
  },
};
