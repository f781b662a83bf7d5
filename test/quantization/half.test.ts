import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Model, type Node, node } from '../../src/onnx/ir/graph.js';
import { numbers } from '../../src/onnx/ir/numbers.js';
import { floats, int64s, scalar, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { halfConstant } from '../../src/quantization/half/half-constants.js';
import { largestDifference, runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { quantize, randomTensors, samplesOf } from './fixtures.js';

const scheme = 'fp16' as const;
const only = (tensors: readonly Tensor[]) => tensors[0] as Tensor;
/** Two roundings to 11 bits in a row, with some room for sums. */
const TOLERANCE = 4e-3;

interface Case {
  readonly nodes: readonly Node[];
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly x?: Tensor;
  readonly opset?: number;
}

const X = only(randomTensors([1, 32], 1, 1));
const W = only(randomTensors([32, 32], 1, 2));

async function halved({ nodes, constants = {}, x = X, opset }: Case, step = {}) {
  const model = smallModel({
    nodes: [...nodes],
    inputs: { x: ['float32', [...x.dims]] },
    outputs: { y: ['float32', null] },
    constants: { w: W, ...constants },
    ...(opset !== undefined && { opset }),
  });
  const result = await quantize(model, { scheme, ...step }, samplesOf('x', [x]));
  const feeds = new Map([['x', x]]);
  const run = (of: Model) => runModel(encodeModel(of), feeds);
  return { ...result, run, expected: await run(model), reasonOf: reasons(result.nodes) };
}

const reasons = (nodes: readonly { readonly name: string; readonly reason?: string | undefined }[]) => (name: string) =>
  nodes.find((each) => each.name === name)?.reason ?? '';
const operators = ({ graph }: Model) => graph.nodes.map(({ opType }) => opType);
const product = (from: string, to: string, name: string) => node('MatMul', [from, 'w'], [to], { name });

describe('fp16', () => {
  test('computes in halves behind one Cast at each end, within half precision', async () => {
    const nodes = [product('x', 'a', 'first'), node('Relu', ['a'], ['b']), product('b', 'y', 'second')];
    const { model, run, expected, notes, nodes: lines } = await halved({ nodes });
    assert.deepEqual(operators(model), ['Cast', 'MatMul', 'Relu', 'MatMul', 'Cast']);
    assert.equal(model.graph.initializers.size, 1, 'the shared weight is stored once');
    assert.ok(largestDifference(expected, await run(model)) < TOLERANCE);
    assert.match(notes.join(' '), /x86.*bytes, not time/);
    for (const { sqnr_db } of lines) assert.ok((sqnr_db ?? 0) > 50, `${sqnr_db} dB`);
  });

  test('with keep_io_types false the ends are halves and no Cast is left', async () => {
    const nodes = [product('x', 'a', 'first'), node('Relu', ['a'], ['y'])];
    const { model, expected } = await halved({ nodes }, { keep_io_types: false });
    assert.deepEqual(operators(model), ['MatMul', 'Relu']);
    const found = await runModel(encodeModel(model), new Map([['x', halfConstant(X)]]));
    const y = found.get('y') as Tensor;
    assert.equal(y.dtype, 'float16');
    assert.ok(largestDifference(expected, new Map([['y', floats(numbers(y), y.dims)]])) < TOLERANCE);
  });

  test('a power spectrum beyond 65,504 stays float, with its numbers, and what follows is in halves again', async () => {
    const x = floats(
      Array.from({ length: 32 }, (_, i) => (i + 1) * 40),
      [1, 32],
    );
    const nodes = [
      node('Mul', ['x', 'x'], ['power'], { name: 'power' }),
      node('Log', ['power'], ['log'], { name: 'log' }),
      product('log', 'y', 'dense'),
    ];
    const { model, run, expected, reasonOf, notes } = await halved({ nodes, x });
    assert.deepEqual(operators(model), ['Mul', 'Log', 'Cast', 'MatMul', 'Cast']);
    assert.match(reasonOf('power'), /"power" reaches 1,640,000 .*65,504/);
    assert.match(notes.join(' '), /power \(Mul\): "power" reaches 1,640,000/);
    assert.ok(largestDifference(expected, await run(model)) < TOLERANCE);
  });

  test('one Cast serves all readers of a value', async () => {
    const nodes = [
      node('Mul', ['x', 'big'], ['a'], { name: 'big' }),
      node('Mul', ['a', 'little'], ['b'], { name: 'little' }),
      ...['p', 'q', 'r'].map((name) => product('b', name, name)),
      node('Sum', ['p', 'q', 'r'], ['y'], { name: 'sum' }),
    ];
    const { model } = await halved({ nodes, constants: { big: scalar(1e6), little: scalar(1e-6) } });
    assert.deepEqual(operators(model), ['Mul', 'Mul', 'Cast', 'MatMul', 'MatMul', 'MatMul', 'Sum', 'Cast']);
  });

  const refusals: readonly (Case & { readonly name: string; readonly at: string; readonly reason: RegExp })[] = [
    {
      name: 'numbers that would become 0',
      nodes: [
        node('Mul', ['x', 'tiny'], ['a'], { name: 'at' }),
        node('Div', ['a', 'tiny'], ['b'], { name: 'back' }),
        product('b', 'y', 'dense'),
      ],
      constants: { tiny: floats(new Array(32).fill(1e-9), [32]) },
      at: 'back',
      reason: /"a" are too small for halves/,
    },
    {
      name: 'a lone number among large ones, divided by',
      nodes: [
        node('Mul', ['x', 'mixed'], ['a'], { name: 'at' }),
        node('Reciprocal', ['a'], ['b'], { name: 'reciprocal' }),
        node('Clip', ['b', 'low', 'high'], ['c']),
        product('c', 'y', 'dense'),
      ],
      constants: { mixed: floats([1e-8, ...new Array(31).fill(1)], [32]), low: scalar(-10), high: scalar(10) },
      x: floats(new Array(32).fill(0.5), [1, 32]),
      at: 'reciprocal',
      reason: /1 numbers of "a" would become 0/,
    },
    {
      name: 'a small variance whose root is divided by',
      nodes: [
        node('Mul', ['x', 'mixed'], ['a'], { name: 'at' }),
        node('Sqrt', ['a'], ['b'], { name: 'root' }),
        node('Div', ['one', 'b'], ['c'], { name: 'over' }),
        node('Clip', ['c', 'low', 'high'], ['d']),
        product('d', 'y', 'dense'),
      ],
      constants: {
        mixed: floats([1e-8, ...new Array(31).fill(1)], [32]),
        one: scalar(1),
        low: scalar(-10),
        high: scalar(10),
      },
      x: floats(new Array(32).fill(0.5), [1, 32]),
      at: 'root',
      reason: /1 numbers of "a" would become 0 in halves, and root \(Sqrt\) divides/,
    },
    {
      name: 'an offset that a normalization takes off',
      nodes: [
        node('Add', ['x', 'thousand'], ['a'], { name: 'at' }),
        node('LayerNormalization', ['a', 'one'], ['b'], { name: 'norm' }),
        product('b', 'y', 'dense'),
      ],
      constants: { thousand: scalar(1000), one: floats(new Array(32).fill(1), [32]) },
      opset: 17,
      at: 'norm',
      reason: /"a" differ by little .* norm \(LayerNormalization\) takes off/,
    },
    {
      name: 'angles of many turns',
      nodes: [
        node('Mul', ['x', 'turns'], ['a'], { name: 'at' }),
        node('Sin', ['a'], ['b'], { name: 'sine' }),
        product('b', 'y', 'dense'),
      ],
      constants: { turns: scalar(1000) },
      at: 'sine',
      reason: /angles up to/,
    },
    {
      name: 'whole numbers beyond 2,048',
      nodes: [
        node('Mul', ['x', 'positions'], ['a'], { name: 'at' }),
        node('Floor', ['a'], ['b'], { name: 'floor' }),
        product('b', 'y', 'dense'),
      ],
      constants: { positions: scalar(5000) },
      at: 'floor',
      reason: /whole numbers up to/,
    },
    {
      name: 'running sums',
      nodes: [node('CumSum', ['x', 'axis'], ['a'], { name: 'at' }), product('a', 'y', 'dense')],
      constants: { axis: int64s([1], []) },
      at: 'at',
      reason: /running sum/,
    },
    {
      name: 'what the request leaves out',
      nodes: [node('Relu', ['x'], ['a'], { name: 'at' }), product('a', 'y', 'dense')],
      at: 'at',
      reason: /The request/,
    },
  ];
  for (const { name, at, reason, ...rest } of refusals) {
    test(`keeps in float: ${name}`, async () => {
      const exclude = name.startsWith('what the request') ? ['at'] : [];
      const { model, run, expected, reasonOf } = await halved(rest, { exclude });
      assert.match(reasonOf(at), reason);
      assert.ok(operators(model).includes('Cast'), 'the product is in halves');
      assert.ok(largestDifference(expected, await run(model)) < TOLERANCE);
    });
  }

  test('an epsilon too small for halves stays other than 0, and an open bound stays a bound', async () => {
    const nodes = [
      product('x', 'a', 'dense'),
      node('Add', ['a', 'epsilon'], ['b'], { name: 'epsilon' }),
      node('Clip', ['b', 'low', 'high'], ['y'], { name: 'clip' }),
    ];
    const constants = { epsilon: scalar(1e-12), low: scalar(-3e38), high: scalar(3e38) };
    const { model, run, expected } = await halved({ nodes, constants });
    assert.deepEqual(operators(model), ['Cast', 'MatMul', 'Add', 'Clip', 'Cast']);
    const stored = (name: string) => numbers(model.graph.initializers.get(`${name}_half`) as Tensor)[0];
    assert.deepEqual(['epsilon', 'low', 'high'].map(stored), [2 ** -24, -65_504, 65_504]);
    assert.ok(largestDifference(expected, await run(model)) < TOLERANCE);
  });

  test('scales of Resize stay float32, and types that attributes name follow', async () => {
    const nodes = [
      node('Shape', ['x'], ['shape']),
      node('ConstantOfShape', ['shape'], ['filled'], {
        attributes: { value: { kind: 'tensor', value: floats([0.5]) } },
      }),
      node('Add', ['x', 'filled'], ['a']),
      node('Unsqueeze', ['a', 'axes'], ['image']),
      node('Conv', ['image', 'k'], ['b'], { name: 'conv' }),
      node('Resize', ['b', '', 'scales'], ['c'], { name: 'resize' }),
      node('ReduceMean', ['c'], ['y'], { attributes: { axes: [2, 3] } }),
    ];
    const constants = { axes: int64s([0, 1]), k: floats([2], [1, 1, 1, 1]), scales: floats([1, 1, 2, 2]) };
    const { model, run, expected } = await halved({ nodes, constants });
    assert.ok(!model.graph.initializers.has('scales_half'));
    assert.ok(largestDifference(expected, await run(model)) < TOLERANCE);
  });

  test('branches compute in float, with their large weights stored as halves', async () => {
    const branch = (name: string, nodes: Node[], initializers: readonly [string, Tensor][]) => ({
      kind: 'graph' as const,
      value: {
        name,
        nodes,
        inputs: [],
        outputs: [{ name: `${name}_y`, type: null }],
        initializers: new Map(initializers),
        values: new Map(),
      },
    });
    const inner = only(randomTensors([32, 32], 1, 5));
    const nodes = [
      product('x', 'a', 'outside'),
      node('ReduceMax', ['x'], ['most'], { attributes: { keepdims: 0 } }),
      node('Greater', ['most', 'zero'], ['positive']),
      node('If', ['positive'], ['b'], {
        name: 'if',
        attributes: {
          then_branch: branch('then', [node('MatMul', ['a', 'v'], ['then_y'])], [['v', inner]]),
          else_branch: branch('else', [node('Relu', ['a'], ['else_y'])], []),
        },
      }),
      product('b', 'y', 'behind'),
    ];
    const { model, run, expected, reasonOf, notes } = await halved({ nodes, constants: { zero: scalar(0) } });
    assert.match(reasonOf('if'), /Branches/);
    assert.match(notes.join(' '), /1 constants? of branches/);
    assert.ok(largestDifference(expected, await run(model)) < TOLERANCE);
  });

  test('squares and roots of numbers that become 0 are computed in halves where nobody divides by them', async () => {
    const nodes = [
      node('Pow', ['x', 'two'], ['a'], { name: 'square' }),
      node('Sqrt', ['a'], ['b'], { name: 'root' }),
      product('b', 'y', 'dense'),
    ];
    const x = floats([1e-5, ...new Array(31).fill(0.5)], [1, 32]);
    const { model, run, expected } = await halved({ nodes, x, constants: { two: scalar(2) } });
    assert.deepEqual(operators(model), ['Cast', 'Pow', 'Sqrt', 'MatMul', 'Cast']);
    assert.ok(largestDifference(expected, await run(model)) < TOLERANCE);
  });

  test('light work between float nodes is not worth its Casts', async () => {
    const nodes = [
      node('CumSum', ['x', 'axis'], ['a']),
      node('Relu', ['a'], ['b'], { name: 'between' }),
      node('Transpose', ['b'], ['c'], { attributes: { perm: [1, 0] } }),
      node('CumSum', ['c', 'axis'], ['d']),
      node('Transpose', ['d'], ['e'], { attributes: { perm: [1, 0] } }),
      product('e', 'y', 'dense'),
    ];
    const { model } = await halved({ nodes, constants: { axis: int64s([1], []) } });
    assert.deepEqual(operators(model).filter((name) => name === 'Cast').length, 2);
  });

  test('refuses to work without samples, and says what does not need any', async () => {
    const model = smallModel({
      nodes: [product('x', 'y', 'dense')],
      inputs: { x: ['float32', [1, 32]] },
      outputs: { y: ['float32', null] },
      constants: { w: W },
    });
    await assert.rejects(quantize(model, { scheme }, null), { code: 'dataset_required' });
  });

  test('a normalization spelled out in squares of large numbers stays float', async () => {
    const x = floats(
      Array.from({ length: 32 }, (_, i) => 400 + i),
      [1, 32],
    );
    const nodes = [
      node('ReduceL2', ['x'], ['norm'], { name: 'norm', attributes: { axes: [1] } }),
      node('Div', ['x', 'norm'], ['unit'], { name: 'unit' }),
      product('unit', 'y', 'dense'),
    ];
    const { run, model, expected, reasonOf } = await halved({ nodes, x });
    assert.match(reasonOf('norm'), /squares behind "norm" add up to/);
    assert.ok(largestDifference(expected, await run(model)) < TOLERANCE);
  });
});
