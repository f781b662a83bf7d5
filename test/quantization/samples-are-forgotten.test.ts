import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { node } from '../../src/onnx/ir/graph.js';
import { floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { measureExtremes } from '../../src/quantization/calibration/extremes.js';
import { measureHistograms } from '../../src/quantization/calibration/measure-histograms.js';
import type { CalibrationTask } from '../../src/quantization/calibration/task.js';
import { smallModel } from '../runtime/small-model.js';

const scratch = mkdtempSync(join(tmpdir(), 'modelpress-forgotten-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const ELEMENTS = 2 ** 18;
const BYTES = 4 * ELEMENTS;
const SAMPLES = 48;
const model = smallModel({
  nodes: [node('Relu', ['x'], ['a']), node('Neg', ['a'], ['y'])],
  inputs: { x: ['float32', [1, ELEMENTS]] },
  outputs: { y: ['float32', null] },
});
const values = ['x', 'a', 'y'];

/** Bytes of inputs and outputs that are still held when each of the samples is asked for. */
async function heldBytes(pass: (task: CalibrationTask) => Promise<unknown>): Promise<number[]> {
  const held: number[] = [];
  const feeds = async ([index = 0]: readonly number[]): Promise<Map<string, Tensor>> => {
    // What the first collection finds is given back by the second.
    collectGarbage();
    collectGarbage();
    held.push(process.memoryUsage().arrayBuffers);
    return new Map([['x', floats(new Float32Array(ELEMENTS).fill(index), [1, ELEMENTS])]]);
  };
  await pass({
    ...{ model, values, samples: { batch: null, feeds }, threads: 1, scratch },
    indices: Array.from({ length: SAMPLES }, (_, index) => index),
    signal: new AbortController().signal,
    progress: () => {},
  });
  return held;
}

const PASSES: Readonly<Record<string, (task: CalibrationTask) => Promise<unknown>>> = {
  extremes: (task) => measureExtremes(task),
  histograms: (task) =>
    measureHistograms(task, new Map(values.map((value) => [value, { min: -SAMPLES, max: SAMPLES }])), () => BYTES),
};

describe('memory of a pass does not grow with its samples', () => {
  for (const [name, pass] of Object.entries(PASSES)) {
    test(`${name}: neither inputs nor outputs are kept`, async () => {
      const held = await heldBytes(pass);
      assert.equal(held.length, SAMPLES);
      const grown = Math.max(...held.slice(8)) - Math.min(...held.slice(0, 8));
      assert.ok(grown < (SAMPLES / 4) * BYTES, `${grown} bytes more after ${SAMPLES} samples of ${BYTES}`);
    });
  }
});
