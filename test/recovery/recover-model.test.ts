import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { Recovery } from '../../src/contracts/recovery.js';
import type { Samples } from '../../src/datasets/samples.js';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elements, floats, tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { ServiceError } from '../../src/platform/errors.js';
import { seededRandom } from '../../src/platform/random.js';
import { type Recovered, type RecoverOptions, recoverModel } from '../../src/recovery/recover-model.js';
import { endsEqual, memory } from '../distillation/interrupted.js';
import { network } from '../distillation/networks.js';
import { AVX2, quantize } from '../quantization/fixtures.js';
import { convolutions, pictures, range, scratch } from './fixture.js';

const SAMPLES = pictures(160);
const TRAINING = range(0, 128);
const SELECTION = range(128, 160);

const MIB = 2 ** 20;
/** What the plan sets aside for the engine itself. */
const ENGINE_BYTES = 192 * MIB;
/** And for the session that scores. */
const SCORING_MIB = 32;

/** The same samples, some of them with numbers so large that squares of outputs are infinite. */
const withInfinity = (samples: Samples, indices: readonly number[]): Samples => ({
  ...samples,
  feeds: async (wanted) => {
    const feeds = new Map(await samples.feeds(wanted));
    const x = feeds.get('x') ?? assert.fail();
    const values = elements(x, 'float32');
    const size = values.length / wanted.length;
    const scaled = values.map((value, i) =>
      indices.includes(wanted[Math.floor(i / size)] ?? -1) ? 1e25 * value : value,
    );
    return feeds.set('x', floats(scaled, x.dims));
  },
});

describe('recovering a quantized model', () => {
  let quantized: Model;
  let cleaned: Model;
  const path = join(scratch, 'teacher.onnx');

  const options = (recovery: object = {}, changes: Partial<RecoverOptions> = {}): RecoverOptions => ({
    quantized,
    float: cleaned,
    teacher: { path, external: [] },
    recovery: Recovery.parse({ epochs: 5, batch_size: 16, ...recovery }),
    output: 'y',
    metric: 'agreement',
    samples: SAMPLES,
    training: TRAINING,
    selection: SELECTION,
    checkpoints: memory(),
    threads: 1,
    seed: 0,
    scratch,
    signal: new AbortController().signal,
    progress: () => {},
    now: () => 0,
    ...changes,
  });

  before(async () => {
    await writeFile(path, encodeModel(convolutions()));
    const made = await quantize(
      convolutions(),
      { scheme: 'int4_weights', only_what_pays: false, weights: { bits: 4, method: 'rtn', symmetric: true } },
      SAMPLES,
      { count: 16, cpu: { instructionSets: AVX2 } },
    );
    ({ model: quantized, cleaned } = made);
  });

  test('brings the outputs of the integer kernels nearer to those of the float model', async () => {
    const fractions: number[] = [];
    const stronger = { epochs: 8, learning_rate: 0.05 };
    const recovered = await recoverModel(options(stronger, { progress: (fraction) => fractions.push(fraction) }));
    assert.equal(recovered.loss, 'kd');
    assert.equal(recovered.history.length, 8);
    assert.equal(recovered.samples, 128);
    assert.equal(recovered.frozen.count, 0);
    const best = recovered.history[recovered.bestEpoch]?.heldOut ?? Number.NaN;
    assert.ok(best < 0.7 * recovered.lossBefore, `held-out loss ${recovered.lossBefore} → ${best}`);
    assert.ok(recovered.history.every(({ heldOut }) => heldOut >= best));
    assert.deepEqual(recovered.model.graph.nodes, quantized.graph.nodes);
    assert.deepEqual(
      fractions,
      fractions.toSorted((a, b) => a - b),
    );
    assert.ok(Math.abs((fractions.at(-1) ?? 0) - 1) < 1e-9);
  });

  test('stopped anywhere and started again, it gives the same bytes', async () => {
    const bytesOf = async (changes: Partial<RecoverOptions>) =>
      Buffer.from(encodeModel((await recoverModel(options({ epochs: 2 }, changes))).model));
    const whole = await bytesOf({});
    await endsEqual(whole, 9, memory(), ({ step, ...attempt }) =>
      bytesOf({ ...attempt, progress: (_, metrics) => metrics.step !== undefined && step() }),
    );
  });

  test('a batch that does not fit into memory goes through in parts that add up to it, or is refused', async () => {
    const whole = await recoverModel(options({ epochs: 1 }, { memoryLimit: 2 ** 40 }));
    const estimated = whole.memory.estimatedBytes ?? 0;
    assert.equal(whole.memory.microBatch, 16);
    assert.ok(estimated > process.memoryUsage.rss() / 2);
    // The least memory, in eighths of a MiB, that lets any through.
    const refused = (error: unknown) => error instanceof ServiceError && error.code === 'memory_limit_exceeded';
    const within = (memoryLimit: number) =>
      recoverModel(options({ epochs: 1 }, { memoryLimit })).catch((error) => {
        if (refused(error)) return null;
        throw error;
      });
    let parts: Recovered | null = null;
    for (let eighths = 8 * SCORING_MIB; parts === null; eighths++)
      parts = await within(ENGINE_BYTES + eighths * (MIB / 8));
    assert.ok(parts.memory.microBatch < 16);
    const [first, second] = [whole, parts].map(({ history }) => history[0]?.loss ?? Number.NaN) as [number, number];
    assert.ok(Math.abs(first - second) < 1e-3 * first, `${first} and ${second}`);
    await assert.rejects(recoverModel(options({}, { memoryLimit: 1000 })), refused);
  });

  test('out of time, it gives the best integers so far', async () => {
    const stronger = { epochs: 50, learning_rate: 0.05 };
    let steps = 0;
    const progress = (_: number, { step }: Readonly<Record<string, number>>) => {
      if (step !== undefined) steps = step;
    };
    const recovered = await recoverModel(options(stronger, { progress, outOfTime: () => steps >= 12 }));
    assert.equal(recovered.stopped, 'timeout');
    assert.equal(steps, 12);
    assert.equal(recovered.history.length, 2);
    const best = recovered.history[recovered.bestEpoch]?.heldOut ?? Number.NaN;
    assert.ok(best < recovered.lossBefore, `held-out loss ${recovered.lossBefore} → ${best}`);
  });

  test('a training that runs away leaves plain post-training quantization', async () => {
    const wild: Partial<RecoverOptions> = { samples: withInfinity(SAMPLES, range(0, 128)), training: range(0, 128) };
    const { model, ...recovered } = await recoverModel(options({ loss: { kind: 'mse' } }, wild));
    assert.equal(recovered.stopped, 'diverged');
    assert.equal(recovered.bestEpoch, -1);
    assert.deepEqual(recovered.history, []);
    assert.deepEqual(Buffer.from(encodeModel(model)), Buffer.from(encodeModel(quantized)));
  });

  test('numbers that are no classes are matched by their squares', async () => {
    const recovered = await recoverModel(options({ epochs: 1 }, { metric: 'cosine' }));
    assert.equal(recovered.loss, 'mse');
  });

  test('probabilities are compared as the logits that they came from', async () => {
    const withSoftmax = (model: Model): Model => ({
      ...model,
      graph: {
        ...model.graph,
        nodes: [...model.graph.nodes, node('Softmax', ['y'], ['p'], { name: 'softmax', attributes: { axis: -1 } })],
        outputs: [{ name: 'p', type: { kind: 'tensor', dtype: 'float32', shape: ['N', 5] } }],
      },
    });
    const teacher = join(scratch, 'probabilities.onnx');
    await writeFile(teacher, encodeModel(withSoftmax(convolutions())));
    const logits = await recoverModel(options({ epochs: 1 }));
    const changes = { quantized: withSoftmax(quantized), teacher: { path: teacher, external: [] }, output: 'p' };
    const probabilities = await recoverModel(options({ epochs: 1 }, changes));
    const [a, b] = [logits.lossBefore, probabilities.lossBefore];
    assert.ok(Math.abs(a - b) < 1e-3 * a, `${a} and ${b}`);
    const [first, second] = [logits, probabilities].map(({ history }) => history[0]?.loss ?? Number.NaN) as [
      number,
      number,
    ];
    assert.ok(Math.abs(first - second) < 0.02 * first, `${first} and ${second}`);
  });

  /** A product, a node without gradient, and a product behind it. */
  const interrupted = (behind: boolean): Model => {
    const random = seededRandom(3);
    const matrix = (dims: readonly [number, number]) =>
      tensor(
        'int8',
        dims,
        Int8Array.from({ length: dims[0] * dims[1] }, () => Math.floor(200 * random()) - 100),
      );
    const restored = (name: string) => [
      node('Cast', [`${name}_int8`], [`${name}_cast`], { name: `${name}_Cast`, attributes: { to: 1 } }),
      node('Mul', [`${name}_cast`, 'scale'], [name], { name: `${name}_Mul` }),
    ];
    const nodes = [
      node('Flatten', ['x'], ['f'], { name: 'flatten' }),
      ...restored('w1'),
      node('MatMul', ['f', 'w1'], ['m'], { name: 'product' }),
      node('Round', ['m'], [behind ? 'r' : 'y'], { name: 'rounding' }),
      ...(behind ? [...restored('w2'), node('MatMul', ['r', 'w2'], ['y'], { name: 'behind' })] : []),
    ];
    const scale = floats([0.05], [1]);
    const initializers = { w1_int8: matrix([36, 5]), ...(behind && { w2_int8: matrix([5, 5]) }), scale };
    return network(nodes, initializers, ['N', 1, 6, 6], ['N', 5]);
  };

  test('what lies before a node without gradient stays as it is, and the node is named', async () => {
    const model = interrupted(true);
    const { frozen, ...recovered } = await recoverModel(options({ epochs: 1 }, { quantized: model }));
    assert.equal(frozen.count, 1);
    assert.equal(frozen.by?.name, 'rounding');
    const { initializers } = recovered.model.graph;
    assert.deepEqual(initializers.get('w1_int8'), model.graph.initializers.get('w1_int8'));
    assert.equal(recovered.parameters, 25);
    assert.equal(elements(initializers.get('w2_int8') ?? floats([]), 'int8').length, 25);
  });

  test('refuses a model none of whose weights a gradient reaches, with the node', async () => {
    await assert.rejects(
      recoverModel(options({}, { quantized: interrupted(false) })),
      (error) =>
        error instanceof ServiceError &&
        error.code === 'unsupported_operator' &&
        error.context.node?.name === 'rounding' &&
        /Round/.test(error.detail),
    );
  });

  test('refuses too few samples to train and compare on', async () => {
    const tooSmall = (error: unknown) => error instanceof ServiceError && error.code === 'dataset_too_small';
    await assert.rejects(recoverModel(options({}, { training: [] })), tooSmall);
    await assert.rejects(recoverModel(options({}, { selection: [128] })), tooSmall);
  });
});
