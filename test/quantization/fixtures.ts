import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { isSettled, QuantizeStep, type SettledStep } from '../../src/contracts/quantize-step.js';
import type { Model } from '../../src/onnx/ir/graph.js';
import { elementCount, elements, floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { seededRandom } from '../../src/platform/random.js';
import { type Quantized, type QuantizeOptions, quantizeModel } from '../../src/quantization/quantize-model.js';
import { runModel } from '../onnx/session.js';

const scratch = mkdtempSync(join(tmpdir(), 'modelpress-quantize-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Instruction sets of the two classes of CPU; which one runs the tests does not matter to what is decided. */
export const VNNI = ['avx2', 'avx512_vnni'];
export const AVX2 = ['avx2'];

/** Samples that are the given tensors, one whole input each. */
export const samplesOf = (input: string, tensors: readonly Tensor[]) => ({
  batch: null,
  feeds: async (indices: readonly number[]) => new Map([[input, tensors[indices[0] ?? 0] as Tensor]]),
});

/** The output y of a model by the kernels that run it. */
export const answerTo = async (model: Model, x: Tensor): Promise<Float32Array> =>
  elements((await runModel(encodeModel(model), new Map([['x', x]]), 'all')).get('y') as Tensor, 'float32');

/** Tensors of one shape with numbers between -1 and 1. */
export function randomTensors(dims: readonly number[], count: number, seed: number): Tensor[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () =>
    floats(
      Array.from({ length: elementCount(dims) }, () => random() * 2 - 1),
      dims,
    ),
  );
}

function settled(step: QuantizeStep): SettledStep {
  if (!isSettled(step)) throw new TypeError('a test names a scheme');
  return step;
}

/** Quantizes with defaults that suit small graphs. */
export function quantize(
  model: Model,
  step: Partial<QuantizeStep> & Pick<QuantizeStep, 'scheme'>,
  samples: QuantizeOptions['samples'],
  options: Partial<QuantizeOptions> & { readonly count?: number } = {},
): Promise<Quantized> {
  const indices = Array.from({ length: options.count ?? 1 }, (_, index) => index);
  return quantizeModel({
    model,
    step: settled(QuantizeStep.parse({ type: 'quantize', ...step })),
    samples,
    calibration: samples ? indices : [],
    selection: samples ? indices : [],
    cpu: { instructionSets: VNNI },
    threads: 1,
    scratch,
    signal: new AbortController().signal,
    progress: () => {},
    ...options,
  });
}
