import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DistillLoss } from '../../src/contracts/distill-step.js';
import { lossPlan } from '../../src/distillation/losses/loss-plan.js';
import { TARGETS, trainingProgram } from '../../src/distillation/program.js';
import { elements, floats, int64s } from '../../src/onnx/ir/tensor.js';
import { withSession } from '../../src/runtime/session.js';
import { golden } from './golden.js';
import { parameterModel } from './networks.js';

/** y = x + w with x = 0: the student's output is the weight, so the weight's gradient is the loss's gradient by the logits. */
const { student, teacher, labels } = golden;

describe(`losses and their gradients of ${golden.source}`, () => {
  for (const { spec, value, gradient } of golden.losses) {
    test(JSON.stringify(spec), async () => {
      const plan = lossPlan(DistillLoss.parse(spec));
      const logits = floats(student.values, student.dims);
      const inputs = new Map([
        [
          'x',
          floats(
            student.values.map(() => 0),
            student.dims,
          ),
        ],
      ]);
      const program = await trainingProgram(parameterModel(logits), {
        sample: inputs,
        trained: ['w'],
        output: 'y',
        loss: plan,
        teacherDims: plan.teacher ? student.dims : null,
      });
      const feeds = new Map([...inputs, ['w', logits]]);
      if (plan.teacher) feeds.set(TARGETS.teacher, floats(teacher.values, teacher.dims));
      if (plan.labels) feeds.set(TARGETS.labels, int64s(labels));
      const results = await withSession(program.bytes, { threads: 1 }, (session) => session.run(feeds));
      const read = (name: string | undefined) => elements(results.get(name ?? '') ?? floats([]), 'float32');
      const near = (found: number, wanted: number, what: string) =>
        assert.ok(Math.abs(found - wanted) <= 1e-5 + 1e-4 * Math.abs(wanted), `${what}: ${found}, PyTorch ${wanted}`);
      near(read(program.loss)[0] ?? Number.NaN, value, 'value');
      const found = read(program.gradients.get('w'));
      assert.equal(found.length, gradient.length);
      gradient.forEach((wanted, i) => {
        near(found[i] ?? Number.NaN, wanted, `gradient ${i}`);
      });
    });
  }
});
