import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inPlaceOf } from '../../src/distillation/students/in-place-of.js';
import { prepareStudent } from '../../src/distillation/students/prepare-student.js';
import { trainableWeights } from '../../src/distillation/students/trainable-weights.js';
import { node } from '../../src/onnx/ir/graph.js';
import { elementCount, floats, int64s, integers, scalar } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { ServiceError } from '../../src/platform/errors.js';
import { seededRandom } from '../../src/platform/random.js';
import { withSession } from '../../src/runtime/session.js';
import { TEMPLATES } from '../../src/templates/templates.js';
import { network } from './networks.js';

const signature = { input: { name: 'picture', dims: [3, 9, 8] }, output: 'scores', classes: 5 };

/** Weights counted by hand. */
const templates = {
  mlp: { widths: [16], parameters: 216 * 16 + 16 + 16 * 5 + 5 },
  cnn: {
    widths: [4, 6],
    parameters: 3 * 4 * 9 + 4 + 4 * 6 * 9 + 6 + 6 * 2 * 2 * 12 + 12 + 12 * 5 + 5,
  },
  depthwise_cnn: {
    widths: [4, 8, 8],
    // Stem, two blocks of a depthwise and a pointwise layer, each with scale and shift, and the last layer.
    parameters: 3 * 4 * 9 + 8 + (4 * 9 + 8 + 4 * 8 + 16) + (8 * 9 + 16 + 8 * 8 + 16) + 8 * 5 + 5,
  },
  transformer: {
    widths: [16, 16],
    // Patches of 2x2, 16 positions, and in each block: two normalizations, attention, a hidden layer of 64.
    parameters:
      16 * 12 +
      16 +
      16 * 16 +
      2 * (2 * 32 + (16 * 48 + 48 + 16 * 16 + 16) + (16 * 64 + 64 + 64 * 16 + 16)) +
      32 +
      16 * 5 +
      5,
  },
} as const;

describe('a student in the place of its teacher', () => {
  const student = network(
    [node('Mul', ['x', 'w'], ['inner']), node('Add', ['inner', 'w'], ['y'])],
    { w: floats([2, 3], [2]) },
    ['N', 2],
  );
  const feeds = (name: string) => new Map([[name, floats([5, 7], [1, 2])]]);

  test('takes its only input and gives its only output under the names of the teacher', async () => {
    const bytes = encodeModel(inPlaceOf(student, { inputs: ['image'], output: 'scores' }));
    const answers = await withSession(bytes, { threads: 1 }, (session) => session.run(feeds('image')));
    assert.deepEqual([...answers], [['scores', floats([12, 24], [1, 2])]]);
  });

  test('stays as it is when it has them already', () => {
    assert.deepEqual(encodeModel(inPlaceOf(student, { inputs: ['x'], output: 'y' })), encodeModel(student));
  });

  for (const names of [
    { inputs: ['inner'], output: 'y' },
    { inputs: ['x'], output: 'w' },
  ]) {
    test(`is refused where ${names.inputs} or ${names.output} is something inside`, () => {
      assert.throws(() => inPlaceOf(student, names), /calls something inside/);
    });
  }
});

describe('template students', () => {
  for (const [name, { widths, parameters }] of Object.entries(templates)) {
    const make = (seed: number) => TEMPLATES[name as keyof typeof templates](signature, widths, seededRandom(seed));
    test(`${name} takes the teacher's input, gives its classes and trains all its weights`, async () => {
      const model = make(1);
      const weights = trainableWeights(model.graph, 'scores');
      const sizes = weights.map((weight) => elementCount(model.graph.initializers.get(weight)?.dims ?? []));
      assert.equal(
        sizes.reduce((a, b) => a + b, 0),
        parameters,
      );
      const feeds = new Map([['picture', floats(new Float32Array(2 * 216), [2, 3, 9, 8])]]);
      const result = await withSession(encodeModel(model), { threads: 1 }, (session) => session.run(feeds));
      assert.deepEqual(result.get('scores')?.dims, [2, 5]);
    });
    test(`${name} gives the same under names that it would give to something inside`, async () => {
      const feeds = (input: string) =>
        new Map([[input, floats(Float32Array.from({ length: 216 }, Math.sin), [1, 3, 9, 8])]]);
      const answer = async (input: string, output: string) => {
        const named = { ...signature, input: { ...signature.input, name: input }, output };
        const model = TEMPLATES[name as keyof typeof templates](named, widths, seededRandom(1));
        return withSession(encodeModel(model), { threads: 1 }, async (session) =>
          (await session.run(feeds(input))).get(output),
        );
      };
      const expected = await answer('picture', 'scores');
      for (const inner of ['flat', 'pooled', 'logits.weight'])
        assert.deepEqual(await answer(inner, 'logits'), expected, inner);
    });
    test(`${name} depends on its seed alone`, () => {
      assert.deepEqual(encodeModel(make(1)), encodeModel(make(1)));
      assert.notDeepEqual(encodeModel(make(1)), encodeModel(make(2)));
    });
  }
});

test('a transformer takes sequences too, and one width for all its blocks', async () => {
  const sequence = { input: { name: 'x', dims: [7, 3] }, output: 'y', classes: 2 };
  const model = TEMPLATES.transformer(sequence, [64], seededRandom(1));
  const split = model.graph.initializers.get('split') ?? assert.fail('no heads');
  assert.deepEqual(integers(split), [-1, 7, 3, 2, 32]);
  const feeds = new Map([['x', floats(new Float32Array(3 * 21), [3, 7, 3])]]);
  const result = await withSession(encodeModel(model), { threads: 1 }, (session) => session.run(feeds));
  assert.deepEqual(result.get('y')?.dims, [3, 2]);
  const refused = (dims: number[], widths: number[], says: RegExp) =>
    assert.throws(
      () => TEMPLATES.transformer({ ...sequence, input: { name: 'x', dims } }, widths, seededRandom(1)),
      (error) => error instanceof ServiceError && error.code === 'invalid_request' && says.test(error.detail),
    );
  refused([7, 3], [64, 32], /one width/);
  refused([5000, 3], [64], /1024 steps/);
  refused([1, 1, 200], [64], /too narrow/);
});

describe('uploaded students', () => {
  test('are raised to the training operator set, and what is a weight is told from what is a setting', () => {
    const old = network(
      [
        node('Constant', [], ['bias'], { attributes: { value: { kind: 'tensor', value: floats([1, 2]) } } }),
        node('MatMul', ['x', 'w'], ['product'], { name: 'product' }),
        node('Add', ['product', 'bias'], ['sum']),
        node('Mul', ['sum', 'factor'], ['scaled']),
        node('Unsqueeze', ['scaled'], ['y'], { attributes: { axes: [0] } }),
      ],
      { w: floats([1, 2, 3, 4], [2, 2]), factor: scalar(3), shape: int64s([1]) },
      ['N', 2],
    );
    old.opsets.set('', 11);
    const student = prepareStudent(old);
    assert.equal(student.opsets.get(''), 18);
    assert.equal(student.graph.nodes.find(({ opType }) => opType === 'Unsqueeze')?.inputs.length, 2);
    assert.deepEqual(trainableWeights(student.graph, 'y'), ['w', 'bias']);
  });

  test('are refused, with the node, when gradients cannot reach their weights', () => {
    const student = network(
      [node('MatMul', ['x', 'w'], ['p'], { name: 'first' }), node('Round', ['p'], ['y'], { name: 'rounding' })],
      { w: floats([1, 2, 3, 4], [2, 2]) },
      ['N', 2],
    );
    assert.throws(
      () => trainableWeights(student.graph, 'y'),
      (error) =>
        error instanceof ServiceError &&
        error.code === 'unsupported_operator' &&
        error.context.node?.name === 'rounding',
    );
  });

  test('without weights are refused', () => {
    const student = network([node('Relu', ['x'], ['y'])], {}, ['N', 2]);
    assert.throws(
      () => trainableWeights(student.graph, 'y'),
      (error) => error instanceof ServiceError && error.code === 'unsupported_dtype',
    );
  });
});
