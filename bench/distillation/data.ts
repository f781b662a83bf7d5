import { join } from 'node:path';
import type { z } from 'zod';
import type { DatasetManifest } from '../../src/contracts/dataset.js';
import { readArrays } from '../../src/datasets/formats/arrays.js';
import { int64s } from '../../src/onnx/ir/tensor.js';
import { seededRandom, shuffled } from '../../src/platform/random.js';
import { npy, zip } from '../../test/datasets/npz-writer.js';

/** A dataset as it is uploaded. */
export interface CaseData {
  readonly file: Uint8Array;
  readonly manifest: z.input<typeof DatasetManifest>;
}

interface Pictures {
  readonly descr: string;
  readonly shape: readonly number[];
  /** Bytes of each sample, and its class. */
  readonly samples: readonly Uint8Array[];
  readonly labels: readonly number[];
}

const DESCRIPTIONS: Readonly<Record<string, string>> = { uint8: '|u1', float32: '<f4', float64: '<f8' };

/** x and labels of an npz file, labels uint8 or int64. */
async function pictures(name: string): Promise<Pictures> {
  const path = join(process.env.DATA ?? 'data', `${name}.npz`);
  const arrays = new Map<string, { dtype: string; shape: readonly number[]; bytes: Buffer }>();
  for await (const { name: array, header, data } of readArrays(path, new AbortController().signal)) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of data) chunks.push(chunk);
    arrays.set(array, { dtype: header.dtype, shape: header.shape, bytes: Buffer.concat(chunks) });
  }
  const x = arrays.get('x');
  const labels = arrays.get('labels');
  const descr = DESCRIPTIONS[x?.dtype ?? ''];
  if (!x || !labels || !descr) throw new Error(`${path} has no x and labels of a known type`);
  const [count = 0, ...shape] = x.shape;
  const size = x.bytes.length / count;
  const width = labels.bytes.length / count;
  return {
    descr,
    shape,
    samples: Array.from({ length: count }, (_, i) => x.bytes.subarray(i * size, (i + 1) * size)),
    labels: Array.from({ length: count }, (_, i) => labels.bytes[i * width] ?? 0),
  };
}

type Sample = readonly [Uint8Array, number];
const samplesOf = ({ samples, labels }: Pictures): Sample[] => samples.map((sample, i) => [sample, labels[i] ?? 0]);

/** Training, selection and evaluation samples behind each other; training labels beyond the first `labelled` are left out (−1). */
async function dataset(
  { descr, shape }: Pictures,
  splits: readonly [readonly Sample[], readonly Sample[], readonly Sample[]],
  labelled: number,
  scaling: { readonly scale: number; readonly offset?: number },
): Promise<CaseData> {
  const all = splits.flat();
  const [training, selection] = [splits[0].length, splits[0].length + splits[1].length];
  const labels = all.map(([, label], i) => (i >= labelled && i < training ? -1 : label));
  const file = await zip(
    {
      'x.npy': npy(descr, [all.length, ...shape], Buffer.concat(all.map(([bytes]) => bytes))),
      'labels.npy': npy('<i8', [all.length], int64s(labels).bytes),
    },
    { compress: false },
  );
  return {
    file,
    manifest: {
      arrays: { x: scaling },
      splits: { training: [0, training], selection: [training, selection], evaluation: [selection, all.length] },
    },
  };
}

/** 1,257 digits of 8x8 to train on, 180 to choose on, 360 to evaluate, shuffled by the seed, since neighbours are by one hand. */
export async function digits(seed: number, labelled: number) {
  const source = await pictures('digits');
  const order = shuffled(samplesOf(source), seededRandom(seed));
  const splits = [order.slice(0, 1257), order.slice(1257, 1437), order.slice(1437)] as const;
  const make = (count: number) => dataset(source, splits, count, { scale: 1 / 16 });
  return { all: await make(1257), few: await make(labelled) };
}

/** Fashion-MNIST: all of the training set but 500 to choose on, or some of it, and the test set to evaluate. */
export async function fashion(seed: number, unlabelled: number, labelled: number) {
  const source = await pictures('fashion-mnist-train');
  const test = samplesOf(await pictures('fashion-mnist-test'));
  const order = shuffled(samplesOf(source), seededRandom(seed));
  const [selection, training] = [order.slice(0, 500), order.slice(500)];
  const [mean, deviation] = [0.286, 0.353];
  const scaling = { scale: 1 / (255 * deviation), offset: -mean / deviation };
  const make = (samples: readonly Sample[], count: number) =>
    dataset(source, [samples, selection, test], count, scaling);
  return { all: await make(training, training.length), few: await make(training.slice(0, unlabelled), labelled) };
}
