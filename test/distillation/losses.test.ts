import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DistillLoss } from '../../src/contracts/distill-step.js';
import { type LossPlan, lossPlan } from '../../src/distillation/losses/loss-plan.js';
import { areProbabilities, holdsProbabilities, lossOfOutputs } from '../../src/distillation/losses/probabilities.js';
import { TARGETS, trainingProgram } from '../../src/distillation/program.js';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elements, floats, int64s } from '../../src/onnx/ir/tensor.js';
import { withSession } from '../../src/runtime/session.js';
import { golden } from './golden.js';
import { parameterModel } from './networks.js';

/** y = x + w with x = 0: the student's output is the weight, so the weight's gradient is the loss's gradient by the logits. */
const { student, teacher, labels } = golden;

const zeros = floats(
  student.values.map(() => 0),
  student.dims,
);
const near = (found: number, wanted: number, what: string, tolerance = 1e-5) =>
  assert.ok(
    Math.abs(found - wanted) <= tolerance + 10 * tolerance * Math.abs(wanted),
    `${what}: ${found}, PyTorch ${wanted}`,
  );

/** Value and gradient of a loss against PyTorch's. */
async function matches(
  model: Model,
  plan: LossPlan,
  teacherValues: readonly number[],
  golden: { value: number; gradient: readonly number[] },
  tolerance?: number,
) {
  const logits = floats(student.values, student.dims);
  const inputs = new Map([['x', zeros]]);
  const program = await trainingProgram(model, {
    sample: inputs,
    trained: ['w'],
    output: 'y',
    loss: plan,
    teacherDims: plan.teacher ? student.dims : null,
  });
  const feeds = new Map([...inputs, ['w', logits]]);
  if (plan.teacher) feeds.set(TARGETS.teacher, floats(teacherValues, teacher.dims));
  if (plan.labels) feeds.set(TARGETS.labels, int64s(labels));
  const results = await withSession(program.bytes, { threads: 1 }, (session) => session.run(feeds));
  const read = (name: string | undefined) => elements(results.get(name ?? '') ?? floats([]), 'float32');
  near(read(program.loss)[0] ?? Number.NaN, golden.value, 'value', tolerance);
  const found = read(program.gradients.get('w'));
  assert.equal(found.length, golden.gradient.length);
  golden.gradient.forEach((wanted, i) => {
    near(found[i] ?? Number.NaN, wanted, `gradient ${i}`, tolerance);
  });
}

describe(`losses and their gradients of ${golden.source}`, () => {
  const logits = floats(student.values, student.dims);
  const classes = student.dims.at(-1) ?? 1;
  const probabilities = teacher.values.map((value, i) => {
    const start = i - (i % classes);
    const row = teacher.values.slice(start, start + classes);
    return Math.exp(value) / row.reduce((sum, other) => sum + Math.exp(other), 0);
  });
  for (const { spec, value, gradient } of golden.losses) {
    const parsed = DistillLoss.parse(spec);
    test(JSON.stringify(spec), () =>
      matches(parameterModel(logits), lossPlan(parsed), teacher.values, { value, gradient }),
    );
    if (!['kd', 'dkd', 'dist', 'labels'].includes(parsed.kind)) continue;
    test(`${JSON.stringify(spec)} of probabilities`, async () => {
      const model = parameterModel(logits);
      model.graph.nodes = [node('Add', ['x', 'w'], ['z']), node('Softmax', ['z'], ['y'])];
      assert.ok(holdsProbabilities(model.graph, 'y') && !holdsProbabilities(model.graph, 'z'));
      assert.ok(
        areProbabilities(floats(probabilities, teacher.dims)) &&
          !areProbabilities(floats(teacher.values, teacher.dims)),
      );
      const plan = lossOfOutputs(parsed, { student: true, teacher: true });
      await matches(model, plan, probabilities, { value, gradient }, 1e-4);
    });
  }
});
