import { intAttribute, node as makeNode, type Node } from '../../onnx/ir/graph.js';
import { elementCount, floats, int64s, type Tensor } from '../../onnx/ir/tensor.js';
import type { Shapes } from '../workload.js';

/** Rows of x that one sample contributes at the most: neighbours say much the same. */
const MOST_ROWS = 256;

/** The nodes and constants that make XᵀX of a layer's input: [groups, k, k]. */
export class MomentBuilder {
  readonly nodes: Node[] = [];
  readonly constants = new Map<string, Tensor>();

  constructor(
    readonly fresh: (hint: string) => string,
    readonly shapes: Shapes,
  ) {}

  /** XᵀX of rows [groups, k, rows]. */
  #product(rows: string): string {
    const [transposed, product] = [this.fresh(`${rows}_transposed`), this.fresh(`${rows}_moments`)];
    this.nodes.push(
      makeNode('Transpose', [rows], [transposed], { attributes: { perm: [0, 2, 1] } }),
      makeNode('MatMul', [rows, transposed], [product]),
    );
    return product;
  }

  #constant(hint: string, value: Tensor): string {
    const name = this.fresh(hint);
    this.constants.set(name, value);
    return name;
  }

  #reshaped(value: string, shape: readonly number[]): string {
    const output = this.fresh(`${value}_rows`);
    this.nodes.push(makeNode('Reshape', [value, this.#constant(`${value}_shape`, int64s(shape))], [output]));
    return output;
  }

  /** Every n-th along an axis, so that at most MOST_ROWS are left. */
  #thinned(value: string, axis: number, size: number): string {
    const step = Math.ceil(size / MOST_ROWS);
    if (step <= 1) return value;
    const output = this.fresh(`${value}_thinned`);
    const operands = [[0], [size], [axis], [step]].map((each) => this.#constant(`${value}_slice`, int64s(each)));
    this.nodes.push(makeNode('Slice', [value, ...operands], [output]));
    return output;
  }

  /** Rows of a product are those of its input. */
  matrix(node: Node, k: number): string {
    const value = node.inputs[0] ?? '';
    const rows = elementCount(this.shapes.get(value)?.dims ?? [0]) / k;
    const flat = this.#thinned(this.#reshaped(value, [1, -1, k]), 1, rows);
    const columns = this.fresh(`${value}_columns`);
    this.nodes.push(makeNode('Transpose', [flat], [columns], { attributes: { perm: [0, 2, 1] } }));
    return this.#product(columns);
  }

  /**
   * Rows of a convolution are its patches. A convolution whose weights are the identity lays them out, padding included; longer strides
   * thin them.
   */
  patches(node: Node, weight: Tensor): string {
    const [, inputs = 1, ...kernel] = weight.dims;
    const groups = intAttribute(node, 'group', 1);
    const k = inputs * elementCount(kernel);
    const identity = new Float32Array(groups * k * k);
    for (let row = 0; row < groups * k; row++) identity[row * k + (row % k)] = 1;
    const spatial = this.shapes.get(node.outputs[0] ?? '')?.dims.slice(2) ?? [];
    const wider = Math.max(1, Math.ceil((elementCount(spatial) / MOST_ROWS) ** (1 / kernel.length)));
    const given = node.attributes.get('strides');
    const strides = kernel.map((_, axis) => (given?.kind === 'ints' ? Number(given.value[axis]) : 1) * wider);
    const patches = this.fresh(`${node.outputs[0]}_patches`);
    const constant = this.#constant(`${patches}_identity`, floats(identity, [groups * k, inputs, ...kernel]));
    const laidOut = makeNode('Conv', [node.inputs[0] ?? '', constant], [patches], { attributes: { strides } });
    const attributes = new Map([...node.attributes, ...laidOut.attributes]);
    const first = this.fresh(`${patches}_first`);
    const perm = [1, 0, ...kernel.map((_, axis) => axis + 2)];
    this.nodes.push(
      Object.freeze({ ...laidOut, attributes }),
      makeNode('Transpose', [patches], [first], { attributes: { perm } }),
    );
    return this.#product(this.#reshaped(first, [groups, k, -1]));
  }
}
