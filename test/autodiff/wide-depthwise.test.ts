import assert from 'node:assert/strict';
import { test } from 'node:test';
import { node } from '../../src/onnx/ir/graph.js';
import { elementCount, elements, floats } from '../../src/onnx/ir/tensor.js';
import { seededRandom } from '../../src/platform/random.js';
import { differentiate } from './differentiate.js';

/** Channels and width of a picture of one row, and a kernel of one row over it. */
const WIDE = [
  { name: 'few channels', channels: 2, width: 1000, columns: 3, stride: 1, dilation: 1, pad: 1 },
  { name: 'stride 2, dilation 3', channels: 2, width: 1500, columns: 3, stride: 2, dilation: 3, pad: 2 },
  { name: 'many channels', channels: 100, width: 500, columns: 3, stride: 1, dilation: 1, pad: 1 },
];
/** A value may have this many times as many elements as the picture: one per column of the kernel, and padding. */
const MOST_COPIES = 4;

for (const { name, channels, width, columns, stride, dilation, pad } of WIDE)
  test(`weight gradient of a depthwise convolution over a wide row, ${name}, takes no pairs of columns`, async () => {
    const next = seededRandom(3);
    const draw = (dims: readonly number[]) =>
      floats(
        Array.from({ length: elementCount(dims) }, () => 2 * next() - 1),
        dims,
      );
    const [x, w] = [draw([1, channels, 1, width]), draw([channels, 1, 1, columns])];
    const attributes = { group: channels, strides: [1, stride], dilations: [1, dilation], pads: [0, pad, 0, pad] };
    const expression = { nodes: [node('Conv', ['x', 'w'], ['y'], { attributes })] };
    const variables = new Map([
      ['x', x],
      ['w', w],
    ]);
    const { gradients, seed, graph } = await differentiate(expression, variables, draw);

    const outputs = seed.dims[3] ?? 0;
    const [inputs, slopes] = [elements(x, 'float32'), elements(seed, 'float32')];
    const gradient = gradients.get('w');
    assert.ok(gradient);
    elements(gradient, 'float32').forEach((computed, i) => {
      const [channel, column] = [Math.floor(i / columns), i % columns];
      let naive = 0;
      for (let o = 0; o < outputs; o++) {
        const at = o * stride + column * dilation - pad;
        if (at >= 0 && at < width) naive += (slopes[channel * outputs + o] ?? 0) * (inputs[channel * width + at] ?? 0);
      }
      assert.ok(Math.abs(computed - naive) < 1e-3, `${channel}, ${column}: ${computed} instead of ${naive}`);
    });

    const most = MOST_COPIES * elementCount(x.dims);
    for (const [constant, { dims }] of graph.initializers)
      assert.ok(elementCount(dims) <= most, `${constant} is [${dims}]`);
    const products = graph.nodes.filter(({ opType }) => opType === 'MatMul' || opType === 'Gemm');
    assert.deepEqual(products, [], 'products of all pairs of columns');
  });
