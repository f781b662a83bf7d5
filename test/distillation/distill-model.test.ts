import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DistillStep } from '../../src/contracts/distill-step.js';
import type { Samples } from '../../src/datasets/samples.js';
import { distillModel } from '../../src/distillation/distill-model.js';
import type { DistillOptions } from '../../src/distillation/distill-options.js';
import { teacherOutputs } from '../../src/distillation/teacher-outputs.js';
import { node } from '../../src/onnx/ir/graph.js';
import { elements, floats } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { ServiceError } from '../../src/platform/errors.js';
import { seededRandom } from '../../src/platform/random.js';
import { withSession } from '../../src/runtime/session.js';
import { TEMPLATES } from '../../src/templates/templates.js';
import { arraySamples } from '../evaluation/array-samples.js';
import { endsEqual, memory } from './interrupted.js';
import { network } from './networks.js';

const COUNT = 80;
const random = seededRandom(2);
const ROWS = Array.from({ length: COUNT }, () => Array.from({ length: 4 }, () => 2 * random() - 1));
/** y = x · W: the class is the sign of the first number, far apart. */
const TEACHER = network([node('MatMul', ['x', 'w'], ['y'])], { w: floats([4, -4, 0, 0, 1, 0, 0, 1], [4, 2]) }, [
  'N',
  4,
]);
const classOf = ([a = 0, , b = 0, c = 0]: readonly number[]) => (4 * a + b > -4 * a + c ? 0 : 1);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('distilling a model', () => {
  let scratch: string;
  let teacher: DistillOptions['teacher'];
  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'distill-'));
    teacher = { path: join(scratch, 'teacher.onnx'), external: [] };
    await writeFile(teacher.path, encodeModel(TEACHER));
  });
  after(() => rm(scratch, { recursive: true }));

  const samples = (labels = ROWS.map((row) => [classOf(row)])): Samples => arraySamples(ROWS, { labels });
  const options = (changes: Partial<DistillOptions> = {}, step: object = {}): DistillOptions => {
    const student = { template: 'mlp', widths: [6] };
    const training = { epochs: 6, batch_size: 16, optimizer: { kind: 'adamw', learning_rate: 0.05 } };
    return {
      teacher,
      student: TEMPLATES.mlp({ input: { name: 'x', dims: [4] }, output: 'y', classes: 2 }, [6], seededRandom(4)),
      pretrained: false,
      step: DistillStep.parse({ type: 'distill', student, training, ...step }),
      output: 'y',
      samples: samples(),
      training: range(0, 64),
      selection: range(64, COUNT),
      labelled: true,
      checkpoints: memory(),
      threads: 1,
      seed: 0,
      scratch,
      signal: new AbortController().signal,
      progress: () => {},
      now: () => 0,
      ...changes,
    };
  };
  const refusal = (code: string, says: RegExp) => (error: unknown) =>
    error instanceof ServiceError && error.code === code && says.test(error.detail);

  test('the teacher answers once, and each sample gets its own answer back', async () => {
    const feeds = samples();
    const indices = [7, 3, 70, 12, 5];
    const outputs = await withSession(teacher.path, { threads: 1 }, (session) =>
      teacherOutputs({
        ...{ teacher: session, output: 'y', samples: feeds, indices, batch: 2, signal: new AbortController().signal },
        path: join(scratch, 'outputs.raw'),
        progress: () => {},
      }),
    );
    const answer = (index: number) => {
      const [a = 0, , b = 0, c = 0] = ROWS[index] ?? [];
      return [4 * a + b, -4 * a + c].map(Math.fround);
    };
    const { dims, ...rows } = await outputs.rows([70, 7, 7, 5]);
    assert.deepEqual(dims, [4, 2]);
    const wanted = [70, 7, 7, 5].flatMap(answer);
    elements({ dims, ...rows }, 'float32').forEach((value, i) => {
      assert.ok(Math.abs(value - (wanted[i] ?? Number.NaN)) < 1e-5);
    });
    await outputs.close();
  });

  test('gives student and baseline, in ordinary inference form, and tells its progress', async () => {
    const phases: [string, number][] = [];
    const distilled = await distillModel(options({ progress: (phase, fraction) => phases.push([phase, fraction]) }));
    assert.equal(distilled.baselineKind, 'labels');
    assert.equal(distilled.history.length, 6);
    assert.equal(distilled.parameters, 4 * 6 + 6 + 6 * 2 + 2);
    assert.deepEqual([...new Set(phases.map(([phase]) => phase))], ['teacher', 'distill', 'baseline']);
    const fractions = phases.map(([, fraction]) => fraction);
    assert.deepEqual(
      fractions,
      fractions.toSorted((a, b) => a - b),
    );
    assert.equal(fractions.at(-1), 1);
    const [first, last] = [distilled.history[0], distilled.history.at(-1)];
    assert.ok((last?.heldOut ?? 1) < 0.5 * (first?.heldOut ?? 0));
    assert.notDeepEqual(encodeModel(distilled.student), encodeModel(distilled.baseline));
  });

  test('without labels, or when labels are all there is, the baseline is the untrained student', async () => {
    const untrained = encodeModel((await distillModel(options({ labelled: false }))).baseline);
    const byLabels = await distillModel(options({}, { loss: { kind: 'labels' } }));
    assert.equal(byLabels.baselineKind, 'untrained');
    assert.deepEqual(encodeModel(byLabels.baseline), untrained);
  });

  const CHANGED = { augment: { noise: 0.1, mixup: 0.5 }, epochs: 6, batch_size: 16 };

  test('the teacher sees what the student is shown', async () => {
    const same = { student: TEACHER, labelled: false };
    const training = { ...CHANGED, optimizer: { kind: 'sgd', learning_rate: 0.01, weight_decay: 0 } };
    const { history } = await distillModel(options(same, { loss: { kind: 'mse' }, training }));
    // A student that is its teacher agrees with it on anything, and learns nothing.
    for (const { loss } of history) assert.ok(loss < 1e-10, `${loss}`);
  });

  test('samples that cannot be changed as asked for are refused', async () => {
    const mirrored = options({}, { training: { augment: { flip: true } } });
    await assert.rejects(distillModel(mirrored), refusal('invalid_request', /x has 2 axes/));
  });

  describe('with hints', () => {
    const hidden = seededRandom(6);
    const matrix = (rows: number, columns: number) =>
      floats(
        Array.from({ length: rows * columns }, () => 2 * hidden() - 1),
        [rows, columns],
      );
    /** x → h = tanh(x · a) of five → y = h · b. */
    const DEEP = network(
      [
        node('MatMul', ['x', 'a'], ['before'], { name: 'first' }),
        node('Tanh', ['before'], ['h'], { name: 'tanh' }),
        node('MatMul', ['h', 'b'], ['y'], { name: 'last' }),
      ],
      { a: matrix(4, 5), b: matrix(5, 2) },
      ['N', 4],
    );
    let deep: Partial<DistillOptions>;
    before(async () => {
      const path = join(scratch, 'deep.onnx');
      await writeFile(path, encodeModel(DEEP));
      deep = { teacher: { path, external: [] } };
    });
    const hint = { teacher: 'h', student: 'relu0', weight: 3 };
    const training = { epochs: 12, batch_size: 16, optimizer: { kind: 'adamw', learning_rate: 0.02 } };

    test('the student is drawn to the values inside its teacher, and exported without their maps', async () => {
      const plain = await distillModel(options(deep, { training }));
      const hinted = await distillModel(options(deep, { training, hints: [hint] }));
      assert.deepEqual(encodeModel(hinted.baseline), encodeModel(plain.baseline), 'the baseline has no teacher');
      assert.notDeepEqual(encodeModel(hinted.student), encodeModel(plain.student));
      assert.equal(hinted.parameters, plain.parameters);
      const { nodes, initializers, inputs } = hinted.student.graph;
      assert.deepEqual(
        [nodes.length, initializers.size, inputs.length],
        [plain.student.graph.nodes.length, plain.student.graph.initializers.size, 1],
      );
      // What the loss is without the hint, it is more with it, and both fall.
      const [first, last] = [hinted.history[0], hinted.history.at(-1)];
      assert.ok((first?.loss ?? 0) > (plain.history[0]?.loss ?? 0) + 0.3, JSON.stringify(first));
      assert.ok((last?.loss ?? 1) < 0.6 * (first?.loss ?? 0), JSON.stringify(hinted.history));
    });

    test('stopped anywhere and started again, it gives the same bytes, also with changed samples', () =>
      resumesEqually({ training: CHANGED, hints: [hint] }, deep));

    test('refuses a value that the teacher has not', () =>
      assert.rejects(
        distillModel(options(deep, { hints: [{ ...hint, teacher: 'hh' }] })),
        refusal('unknown_node', /teacher computes no .*"hh"/),
      ));

    test('says which value was meant', async () => {
      const misspelt = options(deep, { hints: [hint, { ...hint, student: 'relu' }] });
      await assert.rejects(distillModel(misspelt), (error: unknown) => {
        assert.ok(error instanceof ServiceError);
        assert.equal(error.context.hint, 'Did you mean "relu0"?');
        assert.equal(error.context.errors?.[0]?.pointer, '/hints/1/student');
        return true;
      });
    });
  });

  for (const step of [{}, { training: CHANGED, loss: { kind: 'kd', labels: 0.3 } }])
    test(`stopped anywhere and started again, it gives the same bytes ${JSON.stringify(step)}`, () =>
      resumesEqually(step));

  const resumesEqually = async (step: object, teacherOf: Partial<DistillOptions> = {}) => {
    const bytesOf = async (changes: Partial<DistillOptions>) => {
      const { student, baseline } = await distillModel(options({ ...teacherOf, ...changes }, step));
      return Buffer.concat([encodeModel(student), encodeModel(baseline)]);
    };
    const whole = await bytesOf({});
    const checkpoints = memory();
    await endsEqual(whole, 20, checkpoints, ({ step, ...attempt }) =>
      bytesOf({ ...attempt, progress: (phase) => phase !== 'teacher' && step() }),
    );
    assert.deepEqual([...checkpoints.saved.keys()], ['distill', 'baseline']);
  };

  test('a dataset smaller than a batch is trained on in a smaller batch, and that is said', async () => {
    const { batchSize, notes } = await distillModel(options({ training: range(0, 5) }));
    assert.equal(batchSize, 5);
    assert.match(notes[0] ?? '', /5 samples instead of 16/);
  });

  test('refuses labels that are no classes, with the sample', async () => {
    const labels = ROWS.map((row, i) => [i === 9 ? 2 : classOf(row)]);
    await assert.rejects(distillModel(options({ samples: samples(labels) })), refusal('dataset_mismatch', /sample 9 /));
  });

  test('samples without label are learned from the teacher, and labels alone from those that have one', async () => {
    const labels = ROWS.map((row, i) => [i < 20 || i >= 64 ? classOf(row) : -1]);
    const distilled = await distillModel(options({ samples: samples(labels) }));
    assert.match(distilled.notes[0] ?? '', /20 of 64 training samples have labels/);
    const same = await distillModel(options({ samples: samples(), labelled: false }));
    assert.deepEqual(encodeModel(distilled.student), encodeModel(same.student), 'the teacher needs no labels');
    // The baseline trains on the twenty alone, as long: batches of 16 make one step an epoch instead of four.
    const few = options({ samples: samples(labels), training: range(0, 20) }, { loss: { kind: 'labels' } });
    const alone = await distillModel({ ...few, step: { ...few.step, training: { ...few.step.training, epochs: 24 } } });
    assert.deepEqual(encodeModel(distilled.baseline), encodeModel(alone.student));
  });

  test('refuses samples without label where labels are what counts', async () => {
    const without = (...missing: number[]) => samples(ROWS.map((row, i) => [missing.includes(i) ? -1 : classOf(row)]));
    const refused = (changes: Partial<DistillOptions>, step: object, says: RegExp) =>
      assert.rejects(distillModel(options(changes, step)), refusal('dataset_mismatch', says));
    await refused({ samples: without(70) }, {}, /Sample 70, which serves for selection/);
    await refused({ samples: without(4) }, { loss: { kind: 'dkd' } }, /Sample 4, .*dkd/);
    await refused({ samples: without(...range(0, 64)) }, { loss: { kind: 'labels' } }, /no training sample has one/);
  });

  test('in a mixed loss a sample without label adds nothing to the cross-entropy', async () => {
    const mixed = { loss: { kind: 'kd', labels: 0.5 }, training: { epochs: 1, batch_size: 16 } };
    const labels = ROWS.map((row, i) => [i >= 64 ? classOf(row) : -1]);
    const half = await distillModel(options({ samples: samples(labels) }, mixed));
    const teacher = await distillModel(options({}, { ...mixed, loss: { kind: 'kd' } }));
    const [first, second] = [half.history[0]?.loss ?? 0, teacher.history[0]?.loss ?? 0];
    // AdamW does not see the scale of a loss but through its epsilon.
    assert.ok(Math.abs(first - 0.5 * second) < 0.01 * first, `${first}, ${second}`);
  });

  test('a batch that does not fit into memory goes through the graph in parts, or is refused', async () => {
    const { memory, notes } = await distillModel(options({ memoryLimit: 2 ** 40 }));
    assert.equal(memory.microBatch, 16);
    assert.ok((memory.estimatedBytes ?? 0) > process.memoryUsage.rss() / 2);
    assert.deepEqual(notes, []);
    await assert.rejects(
      distillModel(options({ memoryLimit: 1000 })),
      refusal('memory_limit_exceeded', /one sample at a time/),
    );
  });

  test("refuses a student whose output has not the teacher's shape", async () => {
    const student = TEMPLATES.mlp({ input: { name: 'x', dims: [4] }, output: 'y', classes: 3 }, [6], seededRandom(4));
    await assert.rejects(distillModel(options({ student })), refusal('dataset_mismatch', /\[\d+,3\].*\[\d+,2\]/));
  });

  test('says of a loss that runs away what to do', async () => {
    const optimizer = { kind: 'sgd', learning_rate: 10, momentum: 0.9 };
    const training = { batch_size: 2, optimizer, schedule: 'constant', warmup: 0 };
    const wild = options({ student: TEACHER }, { loss: { kind: 'mse' }, training });
    await assert.rejects(distillModel(wild), refusal('training_diverged', /NaN/));
  });
});
