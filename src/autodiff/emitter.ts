import { type Attribute, float, type Node, node } from '../onnx/ir/graph.js';
import { floats, int64s, type Tensor } from '../onnx/ir/tensor.js';

type AttributeInput = number | string | readonly number[] | Attribute;

/** What a rule may ask of a value of the forward graph. */
export interface KnownValue {
  readonly dtype: string;
  readonly dims: readonly number[];
}

/**
 * Writes gradient nodes behind a forward graph whose shapes are all known. Every method returns the name of the value that it
 * made; nothing is run. Shapes of emitted values are known only where they were stated: a gradient has the shape of its value.
 */
export class Emitter {
  readonly nodes: Node[] = [];
  readonly constants = new Map<string, Tensor>();
  readonly #stated = new Map<string, KnownValue>();
  readonly #byContent = new Map<string, string>();
  #count = 0;

  constructor(
    private readonly values: ReadonlyMap<string, KnownValue>,
    private readonly forwardConstants: ReadonlyMap<string, Tensor>,
    private readonly prefix = 'grad',
  ) {}

  /** Dimensions of a forward value, or of an emitted one for which they were stated. */
  dims(value: string): readonly number[] {
    const known = this.values.get(value) ?? this.constantOf(value) ?? this.#stated.get(value);
    if (!known) throw new Error(`the shape of ${value} was not recorded`);
    return known.dims;
  }

  /** Says what shape an emitted value has, for those who come after the rules. */
  state(value: string, dims: readonly number[]): string {
    this.#stated.set(value, { dtype: 'float32', dims });
    return value;
  }

  /** The tensor behind a constant, such as the axes of a reduction. */
  constantOf(value: string): Tensor | undefined {
    return this.forwardConstants.get(value) ?? this.constants.get(value);
  }

  /** One node with one output. */
  op(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeInput>> = {},
    domain = '',
  ): string {
    const output = this.#name(opType);
    this.nodes.push(node(opType, inputs, [output], { name: output, domain, attributes }));
    return output;
  }

  /** One node with several outputs. */
  ops(
    opType: string,
    inputs: readonly string[],
    outputs: number,
    attributes: Readonly<Record<string, AttributeInput>> = {},
  ): string[] {
    const names = Array.from({ length: outputs }, () => this.#name(opType));
    this.nodes.push(node(opType, inputs, names, { name: names[0] ?? '', attributes }));
    return names;
  }

  /** A constant; equal constants are written once. */
  constant(tensor: Tensor): string {
    const key = `${tensor.dtype}[${tensor.dims}]${Buffer.from(tensor.bytes).toString('base64')}`;
    const known = this.#byContent.get(key);
    if (known !== undefined) return known;
    const name = this.#name('constant');
    this.constants.set(name, tensor);
    this.#byContent.set(key, name);
    return name;
  }

  scalar(value: number): string {
    return this.constant(floats([value], []));
  }

  shape(values: readonly number[]): string {
    return this.constant(int64s(values));
  }

  add = (a: string, b: string) => this.op('Add', [a, b]);
  sub = (a: string, b: string) => this.op('Sub', [a, b]);
  mul = (a: string, b: string) => this.op('Mul', [a, b]);
  div = (a: string, b: string) => this.op('Div', [a, b]);
  neg = (a: string) => this.op('Neg', [a]);

  /** value · factor, for a number known now. */
  scale(value: string, factor: number): string {
    return factor === 1 ? value : this.mul(value, this.scalar(factor));
  }

  /** 1 where the condition holds, else 0. */
  mask(condition: string): string {
    return this.op('Cast', [condition], { to: FLOAT });
  }

  reshape(value: string, dims: readonly number[]): string {
    return this.op('Reshape', [value, this.shape(dims)], { allowzero: 1 });
  }

  transpose(value: string, perm: readonly number[]): string {
    return this.op('Transpose', [value], { perm });
  }

  sum(value: string, axes: readonly number[], keepdims: boolean): string {
    return axes.length === 0 ? value : this.op('ReduceSum', [value, this.shape(axes)], { keepdims: keepdims ? 1 : 0 });
  }

  mean(value: string, axes: readonly number[], keepdims: boolean): string {
    return this.op('ReduceMean', [value, this.shape(axes)], { keepdims: keepdims ? 1 : 0 });
  }

  expand(value: string, dims: readonly number[]): string {
    return this.op('Expand', [value, this.shape(dims)]);
  }

  /** alpha · op(a) · op(b) over the last two axes, transposing without a copy (com.microsoft FusedMatMul). */
  matmul(a: string, b: string, options: { transA?: boolean; transB?: boolean; alpha?: number } = {}): string {
    const { transA = false, transB = false, alpha = 1 } = options;
    if (!transA && !transB && alpha === 1) return this.op('MatMul', [a, b]);
    const attributes = { transA: Number(transA), transB: Number(transB), alpha: float(alpha) };
    return this.op('FusedMatMul', [a, b], attributes, 'com.microsoft');
  }

  #name(hint: string): string {
    return `${this.prefix}/${hint}_${this.#count++}`;
  }
}

/** TensorProto.FLOAT. */
const FLOAT = 1;
