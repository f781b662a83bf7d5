import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FromTeacher } from '../../../src/contracts/derived-student.js';
import type { Estimate } from '../../../src/contracts/estimate.js';
import type { Samples } from '../../../src/datasets/samples.js';
import { type DerivationOptions, deriveStudent } from '../../../src/distillation/derivation/derive-student.js';
import { type Model, node } from '../../../src/onnx/ir/graph.js';
import { elementCount, elements, floats, type Tensor } from '../../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { ServiceError } from '../../../src/platform/errors.js';
import { seededRandom } from '../../../src/platform/random.js';
import { relativeDifference, runModel } from '../../onnx/session.js';
import { randomTensors } from '../../onnx/small-model.js';
import { network } from '../networks.js';

const SIDE = 6;
const draw = randomTensors(seededRandom(8));

/** Noise pictures of one channel, each its own by its index. */
const pictures = (count = 160): Samples => ({
  count,
  singleOnly: false,
  batch: null,
  feeds: async (indices) => {
    const values = indices.flatMap((index) => {
      const random = seededRandom(1000 + index);
      return Array.from({ length: SIDE * SIDE }, () => 2 * random() - 1);
    });
    return new Map([['x', floats(values, [indices.length, 1, SIDE, SIDE])]]);
  },
  labels: async () => null,
  close: async () => {},
});

/** Weights of twice the outputs: each second one is a third of the one before, so that it says nothing new behind a Relu. */
function echoed(dims: readonly number[]): Tensor {
  const half = elements(draw(dims), 'float32');
  const inner = elementCount(dims.slice(1));
  const values = Array.from({ length: 2 * half.length }, (_, i) => {
    const [row, column] = [Math.floor(i / inner), i % inner];
    const value = half[Math.floor(row / 2) * inner + column] ?? 0;
    return row % 2 === 0 ? value : value / 3;
  });
  return floats(values, [2 * (dims[0] ?? 1), ...dims.slice(1)]);
}

/** A residual network in which half of the channels are echoes of the others, and whose second block does next to nothing. */
function teacherNetwork(): Model {
  const pads = { pads: [1, 1, 1, 1] };
  const faint = draw([8, 8, 1, 1], -1e-3, 1e-3);
  // Both branches of a sum must echo alike: the skip's echoes come from the stem, the block's from its own weights.
  return network(
    [
      node('Conv', ['x', 'w0', 'b0'], ['c0'], { name: 'stem', attributes: pads }),
      node('Relu', ['c0'], ['r0']),
      node('Conv', ['r0', 'w1', 'b1'], ['c1'], { name: 'inner', attributes: pads }),
      node('Relu', ['c1'], ['r1']),
      node('Conv', ['r1', 'w2', 'b2'], ['c2'], { name: 'outer', attributes: pads }),
      node('Add', ['c2', 'r0'], ['s1'], { name: 'first' }),
      node('Relu', ['s1'], ['r2']),
      node('Conv', ['r2', 'w3'], ['c3'], { name: 'faint' }),
      node('Add', ['r2', 'c3'], ['s2'], { name: 'second' }),
      node('GlobalAveragePool', ['s2'], ['p']),
      node('Flatten', ['p'], ['f']),
      node('Gemm', ['f', 'w4', 'b4'], ['y'], { name: 'head' }),
    ],
    {
      w0: echoed([4, 1, 3, 3]),
      b0: echoed([4]),
      w1: echoed([6, 8, 3, 3]),
      b1: echoed([6]),
      w2: echoed([4, 12, 3, 3]),
      b2: echoed([4]),
      w3: faint,
      w4: draw([8, 3]),
      b4: draw([3]),
    },
    ['N', 1, SIDE, SIDE],
    ['N', 3],
  );
}

const options = (spec: object, changes: Partial<DerivationOptions> = {}): DerivationOptions => ({
  spec: FromTeacher.parse(spec),
  output: 'y',
  samples: pictures(),
  indices: Array.from({ length: 120 }, (_, i) => i),
  threads: 1,
  seed: 0,
  signal: new AbortController().signal,
  progress: () => {},
  latencyRatio: async () => ({ value: 1, ci95: [1, 1] }),
  ...changes,
});
const answer = async (model: Model) => {
  const feeds = await pictures().feeds([130, 131, 132, 133, 134, 135]);
  return (await runModel(encodeModel(model), feeds)).get('y') ?? assert.fail();
};
const refusal = (code: string, says: RegExp) => (error: unknown) =>
  error instanceof ServiceError && error.code === code && says.test(error.detail);

describe('a student cut out of its teacher', () => {
  const teacher = teacherNetwork();

  test('of half the width gives what the teacher gives, where the other half was echoes', async () => {
    const { student, sliced, report } = await deriveStudent(teacher, options({ width: 0.5 }));
    const expected = await answer(teacher);
    assert.ok(relativeDifference(expected, await answer(sliced), 0) > 0.05);
    assert.ok(relativeDifference(expected, await answer(student), 0) < 2e-3);
    assert.deepEqual(
      report.groups.map(({ layers, channels, kept }) => [layers, channels, kept]),
      [
        [['stem', 'outer', 'faint'], 8, 4],
        [['inner'], 12, 6],
        [['head'], 3, 3],
      ],
    );
    assert.match(report.groups[2]?.reason ?? '', /output of the model/);
    const parameters = [...student.graph.initializers.values()].filter(({ dtype }) => dtype === 'float32');
    const counted = parameters.reduce((sum, { dims }) => sum + elementCount(dims), 0);
    // The one layer without a bias was given one.
    assert.equal(counted, report.parameters.student + 4);
    assert.equal(report.solved.left, 0);
    assert.equal(report.solved.layers, 4);
  });

  test('is the same bytes for the same seed', async () => {
    const [one, two] = [
      await deriveStudent(teacher, options({ width: 0.5 })),
      await deriveStudent(teacher, options({ width: 0.5 })),
    ];
    assert.deepEqual(encodeModel(one.student), encodeModel(two.student));
  });

  test('loses first the block that does least', async () => {
    const { student, report } = await deriveStudent(teacher, options({ drop_layers: 1 }));
    assert.deepEqual(
      report.dropped.map(({ block }) => block),
      ['second'],
    );
    assert.ok((report.dropped[0]?.change ?? 1) < 1e-3);
    assert.ok(!student.graph.nodes.some(({ name }) => name === 'faint'));
    assert.ok(relativeDifference(await answer(teacher), await answer(student), 0) < 0.05);
    const both = await deriveStudent(teacher, options({ drop_layers: 2 }));
    assert.equal(both.student.graph.nodes.filter(({ opType }) => opType === 'Conv').length, 1);
  });

  test('is the widest that meets a target', async () => {
    const sizes = async (target: object) => {
      const { report } = await deriveStudent(teacher, options({ target }));
      const { parameters, operations } = report;
      return [parameters.student / parameters.teacher, operations.student / operations.teacher];
    };
    const [size = 1] = await sizes({ size_ratio: 0.4 });
    assert.ok(size <= 0.4 && size > 0.25, `${size}`);
    const [, operations = 1] = await sizes({ operations_ratio: 0.6 });
    assert.ok(operations <= 0.6 && operations > 0.4, `${operations}`);
    // A machine on which time goes with the weights of the layer in the middle.
    const weights = (model: Model) => elementCount(model.graph.initializers.get('w1')?.dims ?? []);
    const measured: number[] = [];
    // The noise of this machine is a tenth, and the true ratio lies in the interval.
    const latencyRatio = async (whole: Model, part: Model): Promise<Estimate> => {
      const ratio = weights(part) / weights(whole);
      measured.push(ratio);
      return { value: 0.95 * ratio, ci95: [0.9 * ratio, 1.1 * ratio] };
    };
    const { report } = await deriveStudent(teacher, options({ target: { latency_ratio: 0.5 } }, { latencyRatio }));
    const [outer, inner] = report.groups.map(({ kept }) => kept);
    const ratio = ((outer ?? 0) * (inner ?? 0)) / (8 * 12);
    assert.ok(1.1 * ratio <= 0.5 && ratio > 0.3, `${ratio}`);
    assert.equal(report.latency_ratio?.value, 0.95 * ratio);
    assert.equal(measured.at(-1), ratio, 'the student that was chosen is measured again');
  });

  test('keeps the width of layers that are named, and of those that move with them', async () => {
    const { report } = await deriveStudent(teacher, options({ width: 0.5, keep: ['out*'] }));
    assert.deepEqual(
      report.groups.map(({ kept, reason }) => [kept, reason]),
      [
        [8, 'keep names outer.'],
        [6, null],
        [3, 'It belongs to an output of the model.'],
      ],
    );
    await assert.rejects(
      deriveStudent(teacher, options({ width: 0.5, keep: ['outr'] })),
      refusal('unknown_node', /outr/),
    );
  });

  test('is refused where the teacher has no more to give', async () => {
    await assert.rejects(
      deriveStudent(teacher, options({ drop_layers: 3 })),
      refusal('invalid_request', /2 residual blocks/),
    );
    await assert.rejects(
      deriveStudent(teacher, options({ target: { size_ratio: 0.001 } })),
      refusal('invalid_request', /narrowest student has 0\.0/),
    );
    await assert.rejects(
      deriveStudent(teacher, options({ width: 0.5 }, { indices: [3] })),
      refusal('dataset_too_small', /two batches/),
    );
  });

  test('is asked for in one way at a time', () => {
    const refused = (spec: object) => FromTeacher.safeParse(spec).error?.issues[0]?.message ?? '';
    assert.match(refused({ width: 0.5, target: { size_ratio: 0.5 } }), /not both/);
    assert.match(refused({ width: 1 }), /Nothing would be cut/);
    assert.match(refused({}), /Nothing would be cut/);
  });
});
