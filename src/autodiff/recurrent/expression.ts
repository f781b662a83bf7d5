import { floats } from '../../onnx/ir/tensor.js';
import type { Emitter } from '../emitter.js';

type Attributes = NonNullable<Parameters<Emitter['op']>[2]>;

/** Emits forward nodes and states their shapes, so that the walk can go back through them. */
export class Expression {
  readonly #start: number;

  constructor(readonly emit: Emitter) {
    this.#start = emit.nodes.length;
  }

  /** What was emitted since the expression began. */
  get nodes() {
    return this.emit.nodes.slice(this.#start);
  }

  dims(value: string): readonly number[] {
    return this.emit.dims(value);
  }

  /** An operator that keeps the shape of its first operand. */
  same(opType: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.emit.state(this.emit.op(opType, inputs, attributes), this.dims(inputs[0] ?? ''));
  }

  add = (a: string, b: string) => this.same('Add', [a, b]);
  mul = (a: string, b: string) => this.same('Mul', [a, b]);
  scale = (a: string, factor: number) => (factor === 1 ? a : this.mul(a, this.emit.scalar(factor)));
  shift = (a: string, addend: number) => (addend === 0 ? a : this.add(a, this.emit.scalar(addend)));
  /** 1 − a. */
  complement = (a: string) => this.shift(this.scale(a, -1), 1);

  reshape(value: string, dims: readonly number[]): string {
    return this.emit.state(this.emit.reshape(value, dims), dims);
  }

  transpose(value: string, perm: readonly number[]): string {
    const dims = this.dims(value);
    return this.emit.state(
      this.emit.transpose(value, perm),
      perm.map((axis) => dims[axis] ?? 1),
    );
  }

  /** a [M, K] · b [N, K]ᵀ. */
  product(a: string, b: string): string {
    const dims = [this.dims(a)[0] ?? 1, this.dims(b)[0] ?? 1];
    return this.emit.state(this.emit.op('Gemm', [a, b], { transB: 1 }), dims);
  }

  /** `count` equal parts along an axis. */
  split(value: string, count: number, axis: number): string[] {
    if (count === 1) return [value];
    const dims = this.dims(value).map((size, at) => (at === axis ? size / count : size));
    const sizes = this.emit.shape(Array.from({ length: count }, () => dims[axis] ?? 1));
    return this.emit.ops('Split', [value, sizes], count, { axis }).map((part) => this.emit.state(part, dims));
  }

  concat(parts: readonly string[], axis: number): string {
    const [first = ''] = parts;
    if (parts.length === 1) return first;
    const length = parts.reduce((sum, part) => sum + (this.dims(part)[axis] ?? 1), 0);
    const dims = this.dims(first).map((size, at) => (at === axis ? length : size));
    return this.emit.state(this.emit.op('Concat', parts, { axis }), dims);
  }

  zeros(dims: readonly number[]): string {
    return this.emit.constant(floats(new Float32Array(dims.reduce((a, b) => a * b, 1)), dims));
  }
}
