import type { DistillLoss } from '../../src/contracts/distill-step.js';
import { heldOutLoss } from '../../src/distillation/held-out-loss.js';
import { lossPlan } from '../../src/distillation/losses/loss-plan.js';
import { createOptimizer } from '../../src/distillation/optimizers/create-optimizer.js';
import { scoringProgram, TARGETS, trainingProgram } from '../../src/distillation/program.js';
import { trainableWeights } from '../../src/distillation/students/trainable-weights.js';
import { type TrainingOptions, train } from '../../src/distillation/train.js';
import { startState, type TrainingState } from '../../src/distillation/training-state.js';
import type { Model } from '../../src/onnx/ir/graph.js';
import { elements, floats, int64s, type Tensor } from '../../src/onnx/ir/tensor.js';
import { seededRandom } from '../../src/platform/random.js';
import { openSession, type Session } from '../../src/runtime/session.js';
import { TEMPLATES } from '../../src/templates/templates.js';

const SIDE = 6;
const SAMPLES = 40;
const HELD_OUT = 8;
const BATCH = 8;

/** Pictures of a bright half, left or right, in noise. */
function pictures(): { x: Float32Array; labels: number[] } {
  const random = seededRandom(5);
  const labels = Array.from({ length: SAMPLES }, (_, i) => i % 2);
  const pixel = (label: number, column: number) => (Math.floor(column / (SIDE / 2)) === label ? 1 : 0) + 0.8 * random();
  const x = labels.flatMap((label) => Array.from({ length: SIDE * SIDE }, (_, i) => pixel(label, i % SIDE)));
  return { x: Float32Array.from(x), labels };
}

export const OPTIONS: TrainingOptions = {
  epochs: 3,
  batchSize: BATCH,
  schedule: { kind: 'cosine', peak: 0.02, warmupSteps: 2 },
  clipNorm: 1,
  emaDecay: null,
  patience: null,
  seed: 3,
};

/** A depthwise convolutional student with BatchNormalization on the pictures, ready to be trained any number of times. */
export class Training {
  readonly student: Model = TEMPLATES.depthwise_cnn(
    { input: { name: 'x', dims: [1, SIDE, SIDE] }, output: 'y', classes: 2 },
    [4, 6],
    seededRandom(1),
  );
  readonly #data = pictures();
  readonly #sessions: Session[] = [];

  readonly batch = async (indices: readonly number[]): Promise<Map<string, Tensor>> => {
    const size = SIDE * SIDE;
    const rows = indices.flatMap((index) => [...this.#data.x.subarray(index * size, (index + 1) * size)]);
    return new Map([
      ['x', floats(rows, [indices.length, 1, SIDE, SIDE])],
      [TARGETS.labels, int64s(indices.map((index) => this.#data.labels[index] ?? 0))],
    ]);
  };

  /** @param loss the training's, on labels by default */
  async prepare(loss: DistillLoss = { kind: 'labels' }) {
    const sample = await this.batch(Array.from({ length: BATCH }, (_, i) => i));
    sample.delete(TARGETS.labels);
    const shared = { sample, output: 'y', loss: lossPlan(loss), teacherDims: null };
    const trained = trainableWeights(this.student.graph, 'y');
    const program = await trainingProgram(this.student, { ...shared, trained });
    const names = [...program.gradients.keys(), ...program.statistics.keys()];
    const scoring = await scoringProgram(this.student, { ...shared, weights: names });
    const session = await this.open(program.bytes);
    const scoringSession = await this.open(scoring.bytes);
    const held = Array.from({ length: HELD_OUT }, (_, i) => i);
    const signal = new AbortController().signal;
    const { batch } = this;
    const heldOut = (weights: TrainingState['weights']) =>
      heldOutLoss({
        session: scoringSession,
        program: scoring,
        indices: held,
        batchSize: BATCH,
        weights,
        batch,
        signal,
      });
    return {
      program,
      fresh: (averages = false): TrainingState => {
        const weights = new Map(
          names.map((name): [string, Tensor] => {
            const { dtype, dims, bytes } = this.student.graph.initializers.get(name) ?? floats([]);
            return [name, { dtype, dims, bytes: bytes.slice() }];
          }),
        );
        const parameters = new Map([...weights].map(([name, tensor]) => [name, elements(tensor, 'float32')]));
        const trainedOnly = new Map([...parameters].filter(([name]) => program.gradients.has(name)));
        const optimizer = createOptimizer(
          { kind: 'adamw', learning_rate: 1, weight_decay: 0.01 },
          trainedOnly,
          () => true,
        );
        return startState(weights, optimizer, averages);
      },
      heldOut,
      run: (
        state: TrainingState,
        options: Partial<TrainingOptions> = {},
        step: (state: TrainingState, total: number, loss: number) => Promise<void> = async () => {},
        score = heldOut,
        outOfTime = () => false,
      ) =>
        train(
          {
            session,
            program,
            indices: Array.from({ length: SAMPLES - HELD_OUT }, (_, i) => HELD_OUT + i),
            batch,
            heldOut: score,
            step,
            outOfTime,
            signal,
          },
          { ...OPTIONS, ...options },
          state,
        ),
    };
  }

  async open(bytes: Uint8Array): Promise<Session> {
    const session = await openSession(bytes, { threads: 1 });
    this.#sessions.push(session);
    return session;
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) await session.release();
  }
}
