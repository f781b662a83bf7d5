import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frozenNodes } from '../../src/distillation/frozen.js';
import { lossPlan } from '../../src/distillation/losses/loss-plan.js';
import { TARGETS, trainingProgram } from '../../src/distillation/program.js';
import { trainableWeights } from '../../src/distillation/students/trainable-weights.js';
import { intsAttribute } from '../../src/onnx/ir/graph.js';
import { elements, floats, int64s } from '../../src/onnx/ir/tensor.js';
import { blockSize } from '../../src/onnx/passes/blocked-layout.js';
import { decodeModel } from '../../src/onnx/serde/decode-model.js';
import { cpuFacts } from '../../src/platform/cpu.js';
import { seededRandom } from '../../src/platform/random.js';
import { withSession } from '../../src/runtime/session.js';
import { TEMPLATES } from '../../src/templates/templates.js';

const BLOCK = blockSize(cpuFacts().instructionSets);
const SIDE = 6;

/** The training program of a depthwise student with a 3x3 convolution behind its stem. */
async function programOf(block: number, freeze: readonly string[] = []) {
  const signature = { input: { name: 'x', dims: [1, SIDE, SIDE] }, output: 'y', classes: 2 };
  const student = TEMPLATES.depthwise_cnn(signature, [16, 16], seededRandom(1));
  const random = seededRandom(2);
  const x = floats(Array.from({ length: 4 * SIDE * SIDE }, random), [4, 1, SIDE, SIDE]);
  const frozen = frozenNodes(student.graph, freeze);
  const program = await trainingProgram(student, {
    ...{ sample: new Map([['x', x]]), output: 'y', loss: lossPlan({ kind: 'labels' }), teacherDims: null },
    ...{ trained: trainableWeights(student.graph, 'y', frozen), frozen, block },
  });
  const feeds = new Map([
    ['x', x],
    [TARGETS.labels, int64s([0, 1, 1, 0])],
  ]);
  for (const name of [...program.gradients.keys(), ...program.statistics.keys()])
    feeds.set(name, student.graph.initializers.get(name) ?? assert.fail(`no ${name}`));
  const { nodes } = decodeModel(program.bytes).graph;
  const spatial = nodes.filter(
    (each) => each.opType.startsWith('Conv') && (intsAttribute(each, 'kernel_shape') ?? []).some((size) => size > 1),
  );
  return { program, feeds, blocked: spatial.filter(({ domain }) => domain !== '').length, spatial: spatial.length };
}

test('trained convolutions run in the blocked layout, forward too, with the gradients of the plain kernels', {
  skip: BLOCK === 1 && 'this CPU has no blocked layout',
}, async () => {
  const [plain, own] = [await programOf(1), await programOf(BLOCK)];
  assert.equal(plain.blocked, 0);
  // The stem has one input channel; the depthwise convolution and its gradient by the input have sixteen.
  assert.deepEqual([own.blocked, own.spatial], [2, 3]);
  const run = ({ program, feeds }: typeof own) =>
    withSession(program.bytes, { threads: 1 }, (session) => session.run(feeds));
  const [expected, found] = [await run(plain), await run(own)];
  for (const [weight, output] of plain.program.gradients) {
    const wanted = elements(expected.get(output) ?? assert.fail(), 'float32');
    const values = elements(found.get(own.program.gradients.get(weight) ?? '') ?? assert.fail(), 'float32');
    wanted.forEach((value, i) => {
      const apart = Math.abs((values[i] ?? Number.NaN) - value);
      assert.ok(apart <= 1e-5 + 1e-4 * Math.abs(value), `${weight}[${i}]: ${values[i]}, plain ${value}`);
    });
  }
});

test('a frozen convolution keeps its constant weights, which ONNX Runtime lays out itself', async () => {
  const { blocked, spatial } = await programOf(8, ['depthwise0']);
  assert.deepEqual([blocked, spatial], [0, 3]);
});
