/** Cuts a stream of bytes at elements of one size: what a chunk's end has cut waits for the next chunk. */
export class WholeElements {
  #carried = new Uint8Array(0);

  constructor(private readonly elementBytes: number) {}

  /** The elements that are whole by now, in a buffer of their own, so that they are aligned. */
  add(chunk: Uint8Array): { readonly buffer: ArrayBuffer; readonly count: number } {
    const bytes = new Uint8Array(this.#carried.length + chunk.length);
    bytes.set(this.#carried);
    bytes.set(chunk, this.#carried.length);
    const count = Math.floor(bytes.length / this.elementBytes);
    this.#carried = bytes.slice(count * this.elementBytes);
    return { buffer: bytes.buffer, count };
  }
}
