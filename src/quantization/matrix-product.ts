import { floatAttribute, node as makeNode, type Node } from '../onnx/ir/graph.js';
import { floats } from '../onnx/ir/tensor.js';
import type { Rewriting } from './rewriting.js';

const biasOf = (node: Node): string => (node.opType === 'Gemm' ? (node.inputs[2] ?? '') : '');

/** The name under which the bare product must be emitted: the node's own output, unless a bias follows. */
export function outputBeforeBias(rewriting: Rewriting, node: Node): string {
  const output = node.outputs[0] as string;
  return biasOf(node) === '' ? output : rewriting.fresh(`${output}_product`);
}

/** Adds beta · C of a Gemm to its product; nothing for a product without bias. */
export function emitBias(rewriting: Rewriting, node: Node, product: string): void {
  const bias = biasOf(node);
  if (bias === '') return;
  const output = node.outputs[0] as string;
  const beta = floatAttribute(node, 'beta', 1);
  let addend = bias;
  if (beta !== 1) {
    addend = rewriting.fresh(`${output}_bias`);
    const factor = rewriting.constant(`${output}_beta`, floats([beta], []));
    rewriting.emit(makeNode('Mul', [bias, factor], [addend], { name: rewriting.freshNode(`${node.name}_beta_Mul`) }));
  }
  rewriting.emit(makeNode('Add', [product, addend], [output], { name: rewriting.freshNode(`${node.name}_Add`) }));
}
