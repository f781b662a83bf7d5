import { type FileHandle, open } from 'node:fs/promises';
import { byteLength, type Tensor } from '../onnx/ir/tensor.js';
import { ServiceError } from '../platform/errors.js';
import type { ArrayStream } from './formats/arrays.js';

/** What is needed of a stream to unpack it. */
type UnpackedStream = Pick<ArrayStream, 'data'> & { readonly header: Pick<ArrayStream['header'], 'dtype' | 'shape'> };

/** An array unpacked to a file of plain elements, read by sample. */
export class RawArray {
  readonly #sample: readonly number[];
  readonly #rowBytes: number;

  private constructor(
    readonly file: FileHandle,
    readonly dtype: Tensor['dtype'],
    shape: readonly number[],
  ) {
    this.#sample = shape.slice(1);
    this.#rowBytes = byteLength(dtype, this.#sample);
  }

  /** Unpacks a stream to `path`. @throws ServiceError no_space when the disk is full. */
  static async unpack({ header, data }: UnpackedStream, path: string, signal: AbortSignal): Promise<RawArray> {
    const file = await open(path, 'w+');
    try {
      for await (const chunk of data) {
        signal.throwIfAborted();
        await file.writeFile(chunk);
      }
      return new RawArray(file, header.dtype, header.shape);
    } catch (error) {
      await file.close();
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
        throw new ServiceError('no_space', 'The disk is full: the dataset could not be unpacked.', { cause: error });
      throw error;
    }
  }

  /** These samples stacked; neighbours are read at once. */
  async rows(indices: readonly number[]): Promise<Tensor> {
    const bytes = new Uint8Array(indices.length * this.#rowBytes);
    for (let start = 0; start < indices.length; ) {
      const first = indices[start] ?? 0;
      let end = start + 1;
      while (indices[end] === first + end - start) end++;
      const target = bytes.subarray(start * this.#rowBytes, end * this.#rowBytes);
      await readWhole(this.file, target, first * this.#rowBytes);
      start = end;
    }
    return { dtype: this.dtype, dims: [indices.length, ...this.#sample], bytes };
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

async function readWhole(file: FileHandle, target: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const { bytesRead } = await file.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) throw new Error('an unpacked array became shorter');
    done += bytesRead;
  }
}
