import { node as makeNode, type Node } from '../onnx/ir/graph.js';
import type { Rewriting } from './rewriting.js';
import { rowTable } from './row-tables.js';

const FLOAT32 = 1;

/**
 * An embedding look-up in a table of int8 rows, each with its own scale: Gather(rows) and Gather(scales), then Cast and Mul. The
 * restoring stands after the look-up: before it, ONNX Runtime would restore the whole table on every run.
 */
export function emitRows(rewriting: Rewriting, node: Node): void {
  const { integers, scales } = rowTable(rewriting, node);
  const output = node.outputs[0] as string;
  const [found, scale, restored] = ['int8', 'scale', 'float'].map((part) => rewriting.fresh(`${output}_${part}`)) as [
    string,
    string,
    string,
  ];
  const indices = node.inputs[1] as string;
  rewriting.emit(
    Object.freeze({ ...node, inputs: [integers, indices], outputs: [found] }),
    makeNode('Gather', [scales, indices], [scale], { name: rewriting.freshNode(`${node.name}_scale_Gather`) }),
    makeNode('Cast', [found], [restored], {
      name: rewriting.freshNode(`${node.name}_Cast`),
      attributes: { to: FLOAT32 },
    }),
    makeNode('Mul', [restored, scale], [output], { name: rewriting.freshNode(`${node.name}_Mul`) }),
  );
}
