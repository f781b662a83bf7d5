import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HintSpec } from '../../src/contracts/hint.js';
import { withHints } from '../../src/distillation/hints/plan-hints.js';
import { lossPlan } from '../../src/distillation/losses/loss-plan.js';
import { TARGETS, trainingProgram } from '../../src/distillation/program.js';
import { node } from '../../src/onnx/ir/graph.js';
import { elementCount, elements, floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { ServiceError } from '../../src/platform/errors.js';
import { seededRandom } from '../../src/platform/random.js';
import { withSession } from '../../src/runtime/session.js';
import { network } from './networks.js';

const random = seededRandom(12);
const drawn = (dims: readonly number[]) =>
  floats(
    Array.from({ length: elementCount(dims) }, () => 2 * random() - 1),
    dims,
  );
const read = (tensor: Tensor | undefined) => [...elements(tensor ?? floats([]), 'float32')];

/** mean((s · M + b − t)²) by its definition, over every place of the values along the axis of the map. */
function definition(s: Tensor, t: Tensor, axis: number, matrix: readonly number[], bias: readonly number[]): number {
  const [inputs, outputs] = [s.dims[axis] ?? 1, t.dims[axis] ?? 1];
  const inner = elementCount(s.dims.slice(axis + 1));
  const outer = elementCount(s.dims.slice(0, axis));
  const [own, wanted] = [read(s), read(t)];
  let sum = 0;
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++)
      for (let column = 0; column < outputs; column++) {
        let mapped = bias[column] ?? 0;
        for (let row = 0; row < inputs; row++)
          mapped += (own[(o * inputs + row) * inner + i] ?? 0) * (matrix[row * outputs + column] ?? 0);
        sum += (mapped - (wanted[(o * outputs + column) * inner + i] ?? 0)) ** 2;
      }
  return sum / elementCount(t.dims);
}

/** y = h = x + w: the student's value is its weight where x is 0. */
const studentOf = (w: Tensor) =>
  network([node('Add', ['x', 'w'], ['h']), node('Identity', ['h'], ['y'])], { w }, w.dims);

const CASES: readonly [string, readonly number[], readonly number[], number][] = [
  ['pictures with other channels', [2, 3, 2, 2], [2, 4, 2, 2], 1],
  ['pictures of equal channels', [2, 3, 2, 2], [2, 3, 2, 2], 1],
  ['tokens of another width', [2, 4, 3], [2, 4, 5], 2],
  ['sequences with channels in front', [2, 3, 4], [2, 5, 4], 1],
  ['vectors', [3, 4], [3, 2], 1],
];

describe('hints', () => {
  for (const [what, ownDims, teacherDims, axis] of CASES)
    test(`${what}: value, and gradients by central differences`, async () => {
      const [w, t] = [drawn(ownDims), drawn(teacherDims)];
      const zeros = floats(new Float32Array(elementCount(ownDims)), ownDims);
      const weight = 0.7;
      const { student, hints, maps } = await withHints(
        [HintSpec.parse({ teacher: 't', student: 'h', weight })],
        studentOf(w),
        { feeds: new Map([['x', zeros]]), seed: 1, teacher: async () => new Map([['t', t]]) },
      );
      const [matrixName = '', biasName = ''] = maps;
      const start = read(student.graph.initializers.get(matrixName));
      const [inputs, outputs] = [ownDims[axis] ?? 1, teacherDims[axis] ?? 1];
      assert.equal(start.length, inputs * outputs);
      if (inputs === outputs)
        assert.deepEqual(
          start,
          Array.from({ length: inputs ** 2 }, (_, i) => Number(i % (inputs + 1) === 0)),
        );
      // The loss itself is nothing: the student is its own teacher.
      const program = await trainingProgram(student, {
        ...{ sample: new Map([['x', zeros]]), trained: ['w', ...maps], output: 'y', hints, teacherDims: ownDims },
        loss: lossPlan({ kind: 'mse' }),
      });
      const [matrix, bias] = [drawn([inputs, outputs]), drawn([outputs])];
      const feeds = new Map([
        ['x', zeros],
        ['w', w],
        [TARGETS.teacher, w],
        [hints[0]?.target ?? '', t],
        [matrixName, matrix],
        [biasName, bias],
      ]);
      const results = await withSession(program.bytes, { threads: 1 }, (session) => session.run(feeds));
      const of = (values: Record<string, number[]>) =>
        weight * definition(floats(values.w ?? [], ownDims), t, axis, values.matrix ?? [], values.bias ?? []);
      const at = { w: read(w), matrix: read(matrix), bias: read(bias) };
      const found = read(results.get(program.loss))[0] ?? Number.NaN;
      assert.ok(Math.abs(found - of(at)) < 1e-5, `${found}, by definition ${of(at)}`);
      const STEP = 1e-3;
      for (const [key, name] of [['w', 'w'] as const, ['matrix', matrixName] as const, ['bias', biasName] as const])
        read(results.get(program.gradients.get(name) ?? '')).forEach((gradient, i) => {
          const moved = (by: number) => of({ ...at, [key]: at[key].map((value, j) => (i === j ? value + by : value)) });
          const difference = (moved(STEP) - moved(-STEP)) / (2 * STEP);
          assert.ok(Math.abs(gradient - difference) < 1e-4, `${key} ${i}: ${gradient}, differences ${difference}`);
        });
    });

  for (const [what, dims, t] of [
    ['of two other sizes', [2, 3, 2, 2], drawn([2, 4, 1, 2])],
    ['of another rank', [2, 3, 2, 2], drawn([2, 12])],
    ['of another number of samples', [2, 4], drawn([3, 4])],
    ['of whole numbers', [2, 4], { dtype: 'int32', dims: [2, 4], bytes: new Uint8Array(32) }],
    ['that is not there', [2, 4], undefined],
  ] as const)
    test(`a value of the teacher ${what} cannot be compared`, async () => {
      const teacher = async () => new Map<string, Tensor>(t ? [['t', t]] : []);
      const feeds = new Map([['x', floats(new Float32Array(elementCount(dims)), dims)]]);
      await assert.rejects(
        withHints([HintSpec.parse({ teacher: 't', student: 'h' })], studentOf(drawn(dims)), {
          feeds,
          seed: 0,
          teacher,
        }),
        (error: unknown) => error instanceof ServiceError && error.code === 'dataset_mismatch',
      );
    });
});
