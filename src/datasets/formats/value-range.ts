import { type ElementType, INTEGER_TYPES } from '../../contracts/signature.js';
import { numbers } from '../../onnx/ir/numbers.js';
import { byteLength } from '../../onnx/ir/tensor.js';
import { WholeElements } from './whole-elements.js';

const WHOLE: ReadonlySet<ElementType> = new Set(INTEGER_TYPES);

/** Finds the least and the greatest of a stream of whole numbers; other types have no range. */
export class ValueRange {
  readonly #elements: WholeElements | null;
  #least = Number.POSITIVE_INFINITY;
  #greatest = Number.NEGATIVE_INFINITY;

  constructor(private readonly dtype: ElementType) {
    this.#elements = WHOLE.has(dtype) ? new WholeElements(byteLength(dtype, [1])) : null;
  }

  add(chunk: Uint8Array): void {
    if (this.#elements === null) return;
    const { buffer, count } = this.#elements.add(chunk);
    const bytes = new Uint8Array(buffer, 0, byteLength(this.dtype, [count]));
    const values = numbers({ dtype: this.dtype, dims: [count], bytes });
    for (let i = 0; i < count; i++) {
      const value = values[i] ?? 0;
      if (value < this.#least) this.#least = value;
      if (value > this.#greatest) this.#greatest = value;
    }
  }

  /** [least, greatest]; null for other types and for no elements. */
  get range(): [number, number] | null {
    return this.#least > this.#greatest ? null : [this.#least, this.#greatest];
  }
}
