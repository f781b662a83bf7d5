import { finished } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { float, node } from '../../src/onnx/ir/graph.js';
import { byteLength, floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModelChunks } from '../../src/onnx/serde/encode-model.js';
import { smallModel } from '../runtime/small-model.js';

/** y = x · W for x of [N, 4] and W of [4, 2]; `seed` makes different models. */
export const linearModel = (seed = 0, domain = ''): Buffer => encode(linear(seed, domain));

const linear = (seed: number, domain: string) =>
  smallModel({
    nodes: [node('Gemm', ['x', 'w'], ['y'], { name: 'gemm', domain, attributes: { alpha: float(1) } })],
    inputs: { x: ['float32', ['N', 4]] },
    outputs: { y: ['float32', ['N', 2]] },
    constants: { w: floats([1, 2, 3, 4, 5, 6, 7, seed], [4, 2]) },
    domains: domain === '' ? [] : [domain],
  });

/** A model whose input leaves the number of features open. */
export const unsizedModel = (): Buffer =>
  encode(
    smallModel({
      nodes: [node('Relu', ['x'], ['y'], { name: 'relu' })],
      inputs: { x: ['float32', ['N', 'features']] },
      outputs: { y: ['float32', ['N', 'features']] },
      constants: {},
    }),
  );

/** A model that computes on integers already. */
export const integerModel = (): Buffer =>
  encode(
    smallModel({
      nodes: [node('DynamicQuantizeLinear', ['x'], ['y', 'scale', 'zero'], { name: 'quantize' })],
      inputs: { x: ['float32', ['N', 4]] },
      outputs: { y: ['uint8', ['N', 4]] },
      constants: {},
    }),
  );

const encode = (...parameters: Parameters<typeof encodeModelChunks>): Buffer =>
  Buffer.concat(encodeModelChunks(...parameters));

/** The same with W in an external file at `location`. */
export function externalModel(location: string): { model: Buffer; weights: Buffer } {
  const weights = floats([1, 2, 3, 4, 5, 6, 7, 8], [4, 2]);
  const model = encode(
    linear(8, ''),
    new Map([['w', { location, offset: 0, length: byteLength('float32', weights.dims) }]]),
  );
  return { model, weights: Buffer.from(weights.bytes) };
}

const DESCRIPTORS: Partial<Record<Tensor['dtype'], string>> = { float32: '<f4', int64: '<i8', uint8: '|u1' };

/** A tensor as an npy file, version 1.0. */
export function npy({ dtype, dims, bytes }: Tensor, descriptor = DESCRIPTORS[dtype] ?? '|V0'): Buffer {
  const shape = `(${dims.map((size) => `${size},`).join(' ')})`;
  const header = `{'descr': '${descriptor}', 'fortran_order': False, 'shape': ${shape}, }`;
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(padded.length);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(padded, 'latin1'), bytes]);
}

/** An npz archive of npy files. */
export async function npz(arrays: Readonly<Record<string, Buffer>>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(arrays)) zip.addBuffer(content, `${name}.npy`, { mtime: new Date(0) });
  zip.end();
  const chunks: Buffer[] = [];
  zip.outputStream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await finished(zip.outputStream);
  return Buffer.concat(chunks);
}

/** Samples for `linearModel`: x of [samples, 4], and labels. */
export const linearSamples = (samples = 40, value = 0.5): Promise<Buffer> =>
  npz({
    x: npy(floats(new Float32Array(samples * 4).fill(value), [samples, 4])),
    labels: npy({ dtype: 'int64', dims: [samples], bytes: new Uint8Array(samples * 8) }),
  });

export const ADMIN_KEY = 'an-admin-key-for-tests-only';
