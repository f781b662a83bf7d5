import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { node } from '../../src/onnx/ir/graph.js';
import { elementCount, elements, floats } from '../../src/onnx/ir/tensor.js';
import { blockSize } from '../../src/onnx/passes/blocked-layout.js';
import { cpuFacts } from '../../src/platform/cpu.js';
import { seededRandom } from '../../src/platform/random.js';
import { differentiate } from './differentiate.js';

const BLOCK = blockSize(cpuFacts().instructionSets);
type Attributes = NonNullable<NonNullable<Parameters<typeof node>[3]>['attributes']>;

/** Name, shape of x and of the weights, attributes, and how many of the convolutions forward and backward go into the layout. */
const cases: readonly [string, readonly number[], readonly number[], Attributes, number][] = [
  ['dense', [2, 32, 6, 5], [16, 32, 3, 3], { pads: [1, 1, 1, 1] }, 2],
  ['dense, stride 2', [2, 16, 7, 7], [32, 16, 3, 3], { strides: [2, 2], pads: [0, 1, 1, 1] }, 1],
  ['SAME_UPPER', [2, 16, 6, 6], [16, 16, 4, 4], { auto_pad: 'SAME_UPPER' }, 2],
  ['depthwise', [2, 16, 6, 6], [16, 1, 3, 3], { group: 16, pads: [1, 1, 1, 1] }, 2],
  ['depthwise, stride 2', [2, 16, 7, 6], [16, 1, 3, 3], { group: 16, strides: [2, 2], pads: [1, 1, 1, 1] }, 2],
  ['depthwise, strides 2 and 1', [2, 16, 6, 5], [16, 1, 3, 3], { group: 16, strides: [2, 1], pads: [1, 1, 1, 1] }, 2],
  ['depthwise, stride 3', [1, 16, 9, 10], [16, 1, 4, 5], { group: 16, strides: [3, 3], pads: [0, 1, 2, 1] }, 2],
  ['depthwise, a stride beyond the kernel stays', [1, 16, 8, 8], [16, 1, 2, 2], { group: 16, strides: [3, 3] }, 1],
  ['depthwise, dilation 2', [2, 16, 9, 9], [16, 1, 3, 3], { group: 16, dilations: [2, 2], pads: [2, 2, 2, 2] }, 1],
  ['few input channels stay', [2, 3, 6, 6], [16, 3, 3, 3], {}, 0],
  ['1x1 stays', [2, 16, 4, 4], [16, 16, 1, 1], {}, 0],
  ['groups stay', [2, 32, 5, 5], [32, 16, 3, 3], { group: 2 }, 0],
];

const strided = { group: 16, strides: [2, 2], pads: [1, 1, 1, 1] };
/** The same for ConvTranspose, whose gradient by x is a convolution. */
const transposed: typeof cases = [
  ['transposed depthwise, stride 2', [2, 16, 4, 5], [16, 1, 3, 3], { ...strided, output_padding: [1, 0] }, 2],
  ['transposed depthwise', [2, 16, 4, 5], [16, 1, 3, 3], { group: 16, pads: [1, 0, 1, 2] }, 2],
  ['transposed dense, which stays', [2, 16, 4, 4], [16, 16, 3, 3], { strides: [2, 2] }, 1],
];
const all = [
  ...cases.map((each) => ['Conv', ...each] as const),
  ...transposed.map((each) => ['ConvTranspose', ...each] as const),
];

describe('convolutions in the blocked layout', { skip: BLOCK === 1 && 'this CPU has no blocked layout' }, () => {
  for (const [opType, name, x, w, attributes, moved] of all) {
    test(`${name}: the gradients of the plain kernels`, async () => {
      const random = seededRandom(3);
      const draw = (dims: readonly number[]) =>
        floats(
          Array.from({ length: elementCount(dims) }, () => random() - 0.5),
          dims,
        );
      // The forward convolution must be the blocked one for the gradient by x of the second to see it.
      const convolution = node(opType, ['x', 'w', 'b'], ['c'], { attributes });
      const expression = { nodes: [convolution, node('Mul', ['c', 'c'], ['y'])] };
      const variables = new Map([
        ['x', draw(x)],
        ['w', draw(w)],
        ['b', draw([w[0] ?? 1])],
      ]);
      const seed = new Map<string, ReturnType<typeof draw>>();
      const seeded = (dims: readonly number[]) => seed.get('r') ?? seed.set('r', draw(dims)).get('r') ?? draw(dims);
      const plain = await differentiate(expression, variables, seeded);
      const blocked = await differentiate(expression, variables, seeded, BLOCK);
      const count = blocked.graph.nodes.filter(({ opType, domain }) => opType === 'Conv' && domain !== '').length;
      assert.equal(count, moved);
      for (const [by, gradient] of plain.gradients) {
        const own = elements(blocked.gradients.get(by) ?? assert.fail(`no gradient by ${by}`), 'float32');
        const wanted = elements(gradient, 'float32');
        const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        own.forEach((value, i) => {
          assert.ok(
            Math.abs(value - (wanted[i] ?? Number.NaN)) <= 1e-5 * largest,
            `${by}[${i}]: ${value}, ${wanted[i]}`,
          );
        });
      }
    });
  }
});
