import { lossPlan } from '../../src/distillation/losses/loss-plan.js';
import { createOptimizer } from '../../src/distillation/optimizers/create-optimizer.js';
import { TARGETS, trainingProgram } from '../../src/distillation/program.js';
import { trainableWeights } from '../../src/distillation/students/trainable-weights.js';
import { train } from '../../src/distillation/train.js';
import { floatsOf, startState } from '../../src/distillation/training-state.js';
import type { Model } from '../../src/onnx/ir/graph.js';
import { int64s, type Tensor } from '../../src/onnx/ir/tensor.js';
import { blockSize } from '../../src/onnx/passes/blocked-layout.js';
import { cpuFacts } from '../../src/platform/cpu.js';
import { openSession } from '../../src/runtime/session.js';
import { PICTURE } from './networks.js';
import type { Steps } from './peer.js';

export interface Batch {
  readonly x: Tensor;
  readonly labels: readonly number[];
}

/** The trainer of the service on batches in memory: cross-entropy, Adam at a constant rate of 0.001. */
export async function startOurs(student: Model, batches: readonly Batch[], threads: number, profilePrefix?: string) {
  const [first] = batches;
  if (!first) throw new Error('no batches');
  const trained = trainableWeights(student.graph, 'y');
  const program = await trainingProgram(student, {
    ...{
      sample: new Map([[PICTURE.name, first.x]]),
      output: 'y',
      loss: lossPlan({ kind: 'labels' }),
      teacherDims: null,
    },
    trained,
    block: blockSize(cpuFacts().instructionSets),
  });
  const session = await openSession(program.bytes, {
    threads,
    remembersLayout: false,
    ...(profilePrefix && { profilePrefix }),
  });
  const weights = new Map(
    [...program.gradients.keys(), ...program.statistics.keys()].map((name): [string, Tensor] => {
      const weight = student.graph.initializers.get(name) as Tensor;
      return [name, { ...weight, bytes: Uint8Array.from(weight.bytes) }];
    }),
  );
  const parameters = new Map(
    [...program.gradients.keys()].map((name) => [name, floatsOf(weights.get(name) as Tensor)]),
  );
  const optimizer = createOptimizer({ kind: 'adamw', learning_rate: 0.001, weight_decay: 0 }, parameters, () => false);
  const state = startState(weights, optimizer, false);
  let epochs = 0;
  return {
    parameters: [...parameters.values()].reduce((sum, { length }) => sum + length, 0),
    async steps(count: number): Promise<Steps> {
      const times: number[] = [];
      const processor: number[] = [];
      const losses: number[] = [];
      let start = 0;
      let spent = process.cpuUsage();
      await train(
        {
          session,
          program,
          indices: Array.from({ length: count }, (_, i) => i),
          async batch() {
            start = performance.now();
            spent = process.cpuUsage();
            const { x, labels } = batches[state.optimizer.steps % batches.length] ?? first;
            return new Map([
              [PICTURE.name, x],
              [TARGETS.labels, int64s(labels)],
            ]);
          },
          heldOut: async () => 0,
          async step(_state, _total, loss) {
            times.push(performance.now() - start);
            const { user, system } = process.cpuUsage(spent);
            processor.push((user + system) / 1000);
            losses.push(loss);
          },
          signal: new AbortController().signal,
        },
        {
          epochs: ++epochs,
          batchSize: 1,
          schedule: { kind: 'constant', peak: 0.001, warmupSteps: 0 },
          ...{ clipNorm: null, emaDecay: null, patience: null, seed: 0 },
        },
        state,
      );
      return { times, processor, losses };
    },
    release: () => session.release(),
  };
}
