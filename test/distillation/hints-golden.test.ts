import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { DistillLoss } from '../../src/contracts/distill-step.js';
import { HintSpec } from '../../src/contracts/hint.js';
import { withHints } from '../../src/distillation/hints/plan-hints.js';
import { lossPlan } from '../../src/distillation/losses/loss-plan.js';
import { TARGETS, trainingProgram } from '../../src/distillation/program.js';
import { node } from '../../src/onnx/ir/graph.js';
import { elements, floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { withSession } from '../../src/runtime/session.js';
import type { Stored } from './golden.js';
import { network } from './networks.js';

interface Golden {
  readonly source: string;
  readonly temperature: number;
  readonly cases: readonly ({
    readonly what: string;
    readonly weight: number;
    readonly value: number;
    readonly gradients: Readonly<Record<'student' | 'matrix' | 'bias', Stored>>;
  } & Readonly<Record<'student' | 'teacher' | 'logits' | 'matrix' | 'bias', Stored>>)[];
}
const golden: Golden = JSON.parse(readFileSync('test/distillation/golden/hints.json', 'utf8'));
const stored = ({ values, dims }: Stored): Tensor => floats(values, dims);

describe(`hints beside kd, and their gradients, of ${golden.source}`, () => {
  for (const each of golden.cases)
    test(each.what, async () => {
      const own = stored(each.student);
      const zeros = floats(new Float32Array(each.student.values.length), own.dims);
      const inputs = new Map([['x', zeros]]);
      const teacher = stored(each.teacher);
      // The student's value is its weight where x is 0, and flattened it is its output.
      const flat = network([node('Add', ['x', 'w'], ['h']), node('Flatten', ['h'], ['y'])], { w: own }, own.dims);
      const { student, hints, maps } = await withHints(
        [HintSpec.parse({ teacher: 't', student: 'h', weight: each.weight })],
        flat,
        { feeds: inputs, seed: 1, teacher: async () => new Map([['t', teacher]]) },
      );
      const [hint = assert.fail('no hint')] = hints;
      const program = await trainingProgram(student, {
        ...{ sample: inputs, trained: ['w', ...maps], output: 'y', hints, teacherDims: each.logits.dims },
        loss: lossPlan(DistillLoss.parse({ kind: 'kd', temperature: golden.temperature })),
      });
      const feeds = new Map([
        ['x', zeros],
        ['w', own],
        [TARGETS.teacher, stored(each.logits)],
        [hint.target, teacher],
        [hint.matrix, stored(each.matrix)],
        [hint.bias, stored(each.bias)],
      ]);
      const results = await withSession(program.bytes, { threads: 1 }, (session) => session.run(feeds));
      const matches = (what: string, output: string | undefined, wanted: readonly number[]) => {
        const found = elements(results.get(output ?? '') ?? assert.fail(`no ${what}`), 'float32');
        assert.equal(found.length, wanted.length);
        wanted.forEach((value, i) => {
          const apart = Math.abs((found[i] ?? Number.NaN) - value);
          assert.ok(apart <= 1e-5 + 1e-4 * Math.abs(value), `${what}[${i}]: ${found[i]}, PyTorch ${value}`);
        });
      };
      matches('loss', program.loss, [each.value]);
      matches('gradient by the value', program.gradients.get('w'), each.gradients.student.values);
      matches('gradient by the matrix', program.gradients.get(hint.matrix), each.gradients.matrix.values);
      matches('gradient by the bias', program.gradients.get(hint.bias), each.gradients.bias.values);
    });
});
