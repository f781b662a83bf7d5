import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { BITS, elements, type Tensor, type ViewableType } from '../../src/onnx/ir/tensor.js';

export type Values = ReadonlyMap<string, Tensor>;

function toOrt(tensor: Tensor): OrtTensor {
  if (tensor.strings) {
    const texts = tensor.strings.map((text) => new TextDecoder().decode(text));
    return new OrtTensor('string', texts, tensor.dims);
  }
  const data = BITS[tensor.dtype] < 8 ? tensor.bytes : elements(tensor, tensor.dtype as ViewableType);
  return new OrtTensor(tensor.dtype as 'float32', data as Float32Array, tensor.dims);
}

function fromOrt(tensor: OrtTensor): Tensor {
  const dtype = tensor.type as Tensor['dtype'];
  if (dtype === 'string') {
    const strings = (tensor.data as unknown as string[]).map((text) => new TextEncoder().encode(text));
    return { dtype, dims: tensor.dims, bytes: new Uint8Array(0), strings };
  }
  const { buffer, byteOffset, byteLength } = tensor.data as Float32Array<ArrayBuffer>;
  return { dtype, dims: tensor.dims, bytes: new Uint8Array(buffer, byteOffset, byteLength).slice() };
}

/** Runs a model once in ONNX Runtime itself, unoptimized unless told otherwise: the reference that our passes are held against. */
export async function runModel(
  model: Uint8Array | string,
  feeds: Values,
  optimization: 'disabled' | 'basic' | 'all' = 'disabled',
): Promise<Map<string, Tensor>> {
  const options: InferenceSession.SessionOptions = {
    graphOptimizationLevel: optimization,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
  };
  const session = await (typeof model === 'string'
    ? InferenceSession.create(model, options)
    : InferenceSession.create(model, options));
  try {
    const wanted = session.inputNames.filter((name) => feeds.has(name));
    const inputs = Object.fromEntries(wanted.map((name) => [name, toOrt(feeds.get(name) as Tensor)]));
    const outputs = await session.run(inputs);
    return new Map(Object.entries(outputs).map(([name, value]) => [name, fromOrt(value)]));
  } finally {
    await session.release();
  }
}

/** Largest |a − b| over all elements divided by the largest |a|, or by `least` if that is larger; Infinity when types, shapes or NaNs differ. */
export function relativeDifference(a: Tensor, b: Tensor, least: number): number {
  if (a.dtype !== b.dtype || a.dims.join() !== b.dims.join()) return Number.POSITIVE_INFINITY;
  if (a.dtype !== 'float32' && a.dtype !== 'float64') return bytesEqual(a, b) ? 0 : Number.POSITIVE_INFINITY;
  const x = elements(a, a.dtype);
  const y = elements(b, a.dtype);
  let largest = least;
  let difference = 0;
  for (let i = 0; i < x.length; i++) {
    const [p, q] = [x[i] as number, y[i] as number];
    if (Object.is(p, q) || p === q) continue;
    if (!Number.isFinite(p) || !Number.isFinite(q)) return Number.POSITIVE_INFINITY;
    difference = Math.max(difference, Math.abs(p - q));
  }
  for (const p of x) if (Number.isFinite(p)) largest = Math.max(largest, Math.abs(p));
  return difference / largest;
}

/** The largest relative difference over all outputs; Infinity when one is missing. */
export function largestDifference(expected: Values, found: Values, least = Number.MIN_VALUE): number {
  let largest = 0;
  for (const [name, tensor] of expected) {
    const other = found.get(name);
    largest = Math.max(largest, other ? relativeDifference(tensor, other, least) : Number.POSITIVE_INFINITY);
  }
  return largest;
}

export function bytesEqual(a: Tensor, b: Tensor): boolean {
  const same = (x: Uint8Array, y: Uint8Array) => Buffer.compare(x, y) === 0;
  if (a.strings || b.strings) {
    return (
      a.strings?.length === b.strings?.length &&
      (a.strings ?? []).every((text, i) => same(text, b.strings?.[i] ?? new Uint8Array(0)))
    );
  }
  return a.dtype === b.dtype && a.dims.join() === b.dims.join() && same(a.bytes, b.bytes);
}
