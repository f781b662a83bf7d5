import { join } from 'node:path';
import type { z } from 'zod';
import type { DatasetManifest, SplitName } from '../../src/contracts/dataset.js';
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

const dataFile = (name: string) => join(process.env.DATA ?? 'data', `${name}.npz`);

/** x and labels of an npz file, labels uint8 or int64. */
export async function pictures(path: string): Promise<Pictures> {
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

/** A picture and its class. */
export type Sample = readonly [Uint8Array, number];
const samplesOf = ({ samples, labels }: Pictures): Sample[] => samples.map((sample, i) => [sample, labels[i] ?? 0]);

type Splits = Readonly<Partial<Record<SplitName, readonly Sample[]>>>;

/** The samples of all splits behind each other; training labels beyond the first `labelled` are left out (−1). */
export async function dataset(
  { descr, shape }: Pictures,
  { training = [], ...others }: Splits,
  labelled: number,
  scaling: { readonly scale: number; readonly offset?: number },
): Promise<CaseData> {
  const parts = Object.entries({ training, ...others });
  const all = parts.flatMap(([, samples]) => samples);
  const starts = parts.map((_, i) => parts.slice(0, i).reduce((sum, [, { length }]) => sum + length, 0));
  const labels = all.map(([, label], i) => (i >= labelled && i < training.length ? -1 : label));
  const file = await zip(
    {
      'x.npy': npy(descr, [all.length, ...shape], Buffer.concat(all.map(([bytes]) => bytes))),
      'labels.npy': npy('<i8', [all.length], int64s(labels).bytes),
    },
    { compress: false },
  );
  const ranges = parts.map(([name, { length }], i) => [name, [starts[i] ?? 0, (starts[i] ?? 0) + length]]);
  return { file, manifest: { arrays: { x: scaling }, splits: Object.fromEntries(ranges) } };
}

/** 1,257 digits of 8x8 to train on, 180 to choose on, 360 to evaluate, shuffled by the seed, since neighbours are by one hand. */
export async function digits(seed: number, labelled: number) {
  const source = { ...(await pictures(dataFile('digits'))), shape: [1, 8, 8] };
  const order = shuffled(samplesOf(source), seededRandom(seed));
  const splits = {
    training: order.slice(0, 1257),
    selection: order.slice(1257, 1437),
    evaluation: order.slice(1437),
  };
  const make = (count: number) => dataset(source, splits, count, { scale: 1 / 16 });
  return { all: await make(1257), few: await make(labelled) };
}

/** Pixels of Fashion-MNIST count from 0 to 255; mean and standard deviation after division by 255. */
const [MEAN, DEVIATION] = [0.286, 0.353];
const NORMALIZED = { scale: 1 / (255 * DEVIATION), offset: -MEAN / DEVIATION };

/** Fashion-MNIST: all of the training set but 500 to choose on, or some of it, and the test set to evaluate. */
export async function fashion(seed: number, unlabelled: number, labelled: number) {
  const source = await pictures(dataFile('fashion-mnist-train'));
  const test = samplesOf(await pictures(dataFile('fashion-mnist-test')));
  const order = shuffled(samplesOf(source), seededRandom(seed));
  const [selection, training] = [order.slice(0, 500), order.slice(500)];
  const make = (samples: readonly Sample[], count: number) =>
    dataset(source, { training: samples, selection, evaluation: test }, count, NORMALIZED);
  return { all: await make(training, training.length), few: await make(training.slice(0, unlabelled), labelled) };
}

/**
 * Fashion-MNIST for models that were trained on its training set already: `unlabelled` of that to train on and 200 to calibrate, without
 * labels; of the test set 2,000 to choose on and 8,000 to evaluate.
 */
export async function fashionUnlabelled(unlabelled: number): Promise<CaseData> {
  const source = await pictures(dataFile('fashion-mnist-train'));
  const [seen, test] = [samplesOf(source), samplesOf(await pictures(dataFile('fashion-mnist-test')))];
  const splits = {
    training: seen.slice(0, unlabelled),
    calibration: seen.slice(-200),
    selection: test.slice(0, 2000),
    evaluation: test.slice(2000),
  };
  return dataset(source, splits, 0, NORMALIZED);
}
