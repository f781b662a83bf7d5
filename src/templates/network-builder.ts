import { type Graph, type Model, type Node, node } from '../onnx/ir/graph.js';
import { elementCount, floats, type Tensor, tensor } from '../onnx/ir/tensor.js';
import { ServiceError } from '../platform/errors.js';

type Attributes = NonNullable<NonNullable<Parameters<typeof node>[3]>['attributes']>;

/** The operator set that templates are written in. */
const TEMPLATE_OPSET = 18;

/** What a network takes and gives: one float input [N, …dims], one output [N, classes], under the names of the teacher's. */
export interface TemplateSignature {
  readonly input: { readonly name: string; readonly dims: readonly number[] };
  readonly output: string;
  readonly classes: number;
}

/** Writes a small network layer by layer; every method appends nodes and returns the name of the value they make. */
export class NetworkBuilder {
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Tensor>();

  #parameters = 0;

  /**
   * @param signature whose names nothing inside the network takes, whatever they are
   * @param random uniform in [0, 1), the source of initial weights
   * @param mostParameters beyond which invalid_request is thrown
   */
  constructor(
    private readonly signature: TemplateSignature,
    private readonly random: () => number,
    private readonly mostParameters = Number.POSITIVE_INFINITY,
  ) {}

  /** The name of something inside: another one where a caller's input or output is called so. */
  #inner(name: string): string {
    const { input, output } = this.signature;
    let free = name;
    while (free === input.name || free === output) free = `${free}_`;
    return free;
  }

  op(opType: string, name: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const value = this.#inner(name);
    this.#nodes.push(node(opType, inputs, [value], { name, attributes }));
    return value;
  }

  /** `count` equal parts of x along an axis. */
  split(name: string, x: string, count: number, axis: number): string[] {
    const parts = Array.from({ length: count }, (_, i) => this.#inner(`${name}${i}`));
    this.#nodes.push(node('Split', [x], parts, { name, attributes: { axis, num_outputs: count } }));
    return parts;
  }

  constant(name: string, tensor: Tensor): string {
    const value = this.#inner(name);
    this.#initializers.set(value, tensor);
    return value;
  }

  /** Uniform in ±1/√fanIn: PyTorch's default for linear and convolution layers (Kaiming uniform with a = √5). */
  uniform(name: string, dims: readonly number[], fanIn: number): string {
    const bound = 1 / Math.sqrt(fanIn);
    const count = elementCount(dims);
    this.#parameters += count;
    if (this.#parameters > this.mostParameters)
      throw new ServiceError('invalid_request', `The network would have more than ${this.mostParameters} parameters.`);
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++) values[i] = (2 * this.random() - 1) * bound;
    return this.constant(name, tensor('float32', dims, values));
  }

  filled(name: string, count: number, value: number): string {
    return this.constant(name, floats(new Float32Array(count).fill(value)));
  }

  /** y = x · Wᵀ + b for x [N, inputs]. */
  dense(name: string, x: string, inputs: number, outputs: number): string {
    const weights = this.uniform(`${name}.weight`, [outputs, inputs], inputs);
    return this.op('Gemm', name, [x, weights, this.uniform(`${name}.bias`, [outputs], inputs)], { transB: 1 });
  }

  /** y = x · W + b on the last axis of x. */
  linear(name: string, x: string, inputs: number, outputs: number): string {
    const product = this.op('MatMul', `${name}.product`, [
      x,
      this.uniform(`${name}.weight`, [inputs, outputs], inputs),
    ]);
    return this.op('Add', name, [product, this.uniform(`${name}.bias`, [outputs], inputs)]);
  }

  /** Over the last axis. */
  layerNormalization(name: string, x: string, width: number): string {
    const operands = [x, this.filled(`${name}.weight`, width, 1), this.filled(`${name}.bias`, width, 0)];
    return this.op('LayerNormalization', name, operands);
  }

  /** A square convolution over [N, inputs, H, W] that keeps H and W at stride 1. */
  convolution(
    name: string,
    x: string,
    options: { inputs: number; outputs: number; kernel: number; stride?: number; groups?: number; bias: boolean },
  ): string {
    const { inputs, outputs, kernel, stride = 1, groups = 1, bias } = options;
    const fanIn = (inputs / groups) * kernel * kernel;
    const operands = [x, this.uniform(`${name}.weight`, [outputs, inputs / groups, kernel, kernel], fanIn)];
    if (bias) operands.push(this.uniform(`${name}.bias`, [outputs], fanIn));
    const pad = Math.floor(kernel / 2);
    return this.op('Conv', name, operands, {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
      group: groups,
    });
  }

  batchNormalization(name: string, x: string, channels: number): string {
    const statistics = [
      this.filled(`${name}.scale`, channels, 1),
      this.filled(`${name}.shift`, channels, 0),
      this.filled(`${name}.mean`, channels, 0),
      this.filled(`${name}.variance`, channels, 1),
    ];
    return this.op('BatchNormalization', name, [x, ...statistics]);
  }

  /** The model that gives the value `last` as its output. */
  model(last: string): Model {
    const { input, output, classes } = this.signature;
    const nodes = [...this.#nodes, node('Identity', [last], [output], { name: 'output' })];
    const graph: Graph = {
      name: 'student',
      nodes,
      inputs: [{ name: input.name, type: { kind: 'tensor', dtype: 'float32', shape: ['N', ...input.dims] } }],
      outputs: [{ name: output, type: { kind: 'tensor', dtype: 'float32', shape: ['N', classes] } }],
      initializers: this.#initializers,
      values: new Map(),
    };
    return {
      irVersion: 8,
      producer: 'modelpress',
      opsets: new Map([['', TEMPLATE_OPSET]]),
      graph,
      functions: [],
      metadata: new Map(),
    };
  }
}
