import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Samples } from '../../src/datasets/samples.js';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elementCount, elements, floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { seededRandom } from '../../src/platform/random.js';
import { network } from '../distillation/networks.js';

export const scratch = mkdtempSync(join(tmpdir(), 'modelpress-recover-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const SIDE = 6;
export const CLASSES = 5;

/** Numbers around 0, as large as keeps a layer's outputs of the size of its inputs. */
function weights(random: () => number, dims: readonly number[], inputs: number): Tensor {
  const size = Math.sqrt(6 / inputs);
  return floats(
    Array.from({ length: elementCount(dims) }, () => size * (2 * random() - 1)),
    dims,
  );
}

/** Two convolutions, whose second has 288 weights a channel, and two products: every form of stored weights finds a layer. */
export function convolutions(): Model {
  const random = seededRandom(11);
  const nodes = [
    node('Conv', ['x', 'w1', 'b1'], ['c1'], { name: 'first', attributes: { pads: [1, 1, 1, 1] } }),
    node('Relu', ['c1'], ['r1'], { name: 'relu1' }),
    node('Conv', ['r1', 'w2', 'b2'], ['c2'], { name: 'second', attributes: { strides: [2, 2] } }),
    node('Relu', ['c2'], ['r2'], { name: 'relu2' }),
    node('Flatten', ['r2'], ['f'], { name: 'flatten' }),
    node('Gemm', ['f', 'w3', 'b3'], ['g1'], { name: 'hidden' }),
    node('Relu', ['g1'], ['r3'], { name: 'relu3' }),
    node('Gemm', ['r3', 'w4', 'b4'], ['y'], { name: 'last' }),
  ];
  const initializers = {
    w1: weights(random, [32, 1, 3, 3], 9),
    b1: weights(random, [32], 32),
    w2: weights(random, [32, 32, 3, 3], 288),
    b2: weights(random, [32], 32),
    w3: weights(random, [128, 48], 128),
    b3: weights(random, [48], 48),
    w4: weights(random, [48, CLASSES], 48),
    b4: weights(random, [CLASSES], 48),
  };
  return network(nodes, initializers, ['N', 1, SIDE, SIDE], ['N', CLASSES]);
}

/** Random pictures. */
export function pictures(count: number): Samples {
  const size = SIDE * SIDE;
  const random = seededRandom(23);
  const all = Float32Array.from({ length: count * size }, () => 2 * random() - 1);
  return {
    ...{ count, singleOnly: false, batch: null },
    feeds: async (indices) => {
      const rows = indices.flatMap((index) => [...all.subarray(index * size, (index + 1) * size)]);
      return new Map([['x', floats(rows, [indices.length, 1, SIDE, SIDE])]]);
    },
    labels: async () => null,
    close: async () => {},
  };
}

export const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** The largest difference of two float tensors, as a share of the largest number of the first. */
export function relativeDifference(expected: Tensor, actual: Tensor): number {
  const [a, b] = [elements(expected, 'float32'), elements(actual, 'float32')];
  const largest = a.reduce((max, each) => Math.max(max, Math.abs(each)), 0);
  return a.reduce((max, each, i) => Math.max(max, Math.abs(each - (b[i] ?? Number.NaN))), 0) / largest;
}
