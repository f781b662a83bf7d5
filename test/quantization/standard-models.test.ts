import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Graph, Model, Node } from '../../src/onnx/ir/graph.js';
import { decodeModel } from '../../src/onnx/serde/decode-model.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { ServiceError } from '../../src/platform/errors.js';
import { largestDifference, runModel, type Values } from '../onnx/session.js';
import { standardModels, standardModelsMissing } from '../onnx/standard-models.js';
import { AVX2, quantize } from './fixtures.js';

/** Largest difference over the largest output: what the number format loses on random numbers in one or two operators. */
const TOLERANCE = { fp16: 1e-2, int8_static: 0.05, int8_dynamic: 0.05 } as const;
const MULTIPLIES = new Set(['Conv', 'Gemm', 'MatMul']);
/** Models that each scheme must take at least; more are refused with a reason. */
const LEAST = { fp16: 300, int8_static: 7, int8_dynamic: 7 } as const;
/** They draw random numbers, or ONNX Runtime does not finish them. */
const NOT_REPEATABLE = /random|bernoulli|dropout|dft|scan_sum/i;
/** Reasons that say what the model is; any other error is a mistake of ours. */
const REFUSALS = new Set(['already_quantized', 'nothing_to_quantize', 'unsupported_opset']);

/** A model, what it is fed, and what it answers before anything is done to it. */
interface Case {
  readonly name: string;
  readonly model: Model;
  readonly feeds: Values;
  readonly expected: Values;
}

const isMultiplication = ({ opType }: Node) => MULTIPLIES.has(opType);

/** The operand tests of the ONNX project feed weights as inputs; networks have them as constants. */
function withConstantWeights(model: Model, feeds: Values): { model: Model; feeds: Values } {
  const weights = new Set(model.graph.nodes.filter(isMultiplication).flatMap(({ inputs }) => inputs.slice(1)));
  const isConstant = (name: string) => weights.has(name) && feeds.has(name);
  const graph: Graph = {
    ...model.graph,
    inputs: model.graph.inputs.filter(({ name }) => !isConstant(name)),
    initializers: new Map([...model.graph.initializers, ...[...feeds].filter(([name]) => isConstant(name))]),
  };
  return { model: { ...model, graph }, feeds: new Map([...feeds].filter(([name]) => !isConstant(name))) };
}

/** The models that ONNX Runtime runs, on tensors of numbers alone and some of them floats. */
async function cases(multiplying: boolean): Promise<Case[]> {
  const found: Case[] = [];
  for (const { name, bytes, feeds } of standardModels()) {
    if (!feeds || NOT_REPEATABLE.test(name)) continue;
    const types = [...feeds.values()].map(({ dtype }) => dtype);
    if (!types.includes('float32') || types.includes('string')) continue;
    const model = decodeModel(bytes);
    if (multiplying && !model.graph.nodes.some(isMultiplication)) continue;
    const taken = multiplying ? withConstantWeights(model, feeds) : { model, feeds };
    const expected = await runModel(encodeModel(taken.model), taken.feeds).catch(() => null);
    if (expected && ![...expected.values()].some(({ dtype }) => dtype === 'string'))
      found.push({ name, ...taken, expected });
  }
  return found;
}

for (const scheme of ['fp16', 'int8_static', 'int8_dynamic'] as const) {
  test(`operator models of the ONNX project through ${scheme}`, { skip: standardModelsMissing }, async (context) => {
    const refused = new Map<string, number>();
    const failures: string[] = [];
    let quantized = 0;
    for (const { name, model, feeds, expected } of await cases(scheme !== 'fp16')) {
      const samples = { batch: null, feeds: async () => feeds };
      try {
        const step = { scheme, only_what_pays: scheme === 'fp16' };
        // What is exact on AVX2 is exact everywhere.
        const result = await quantize(model, step, samples, { cpu: { instructionSets: AVX2 } });
        const difference = largestDifference(expected, await runModel(encodeModel(result.model), feeds, 'all'));
        if (difference <= TOLERANCE[scheme]) quantized++;
        else failures.push(`${name}: off by ${difference.toPrecision(2)}`);
      } catch (error) {
        if (error instanceof ServiceError && REFUSALS.has(error.code))
          refused.set(error.code, (refused.get(error.code) ?? 0) + 1);
        else failures.push(`${name}: ${error}`);
      }
    }
    const reasons = [...refused].map(([code, count]) => `${count} ${code}`).join(', ');
    context.diagnostic(`${scheme}: ${quantized} load and are within tolerance, refused: ${reasons}`);
    assert.deepEqual(failures, []);
    assert.ok(quantized >= LEAST[scheme], `only ${quantized} were quantized`);
  });
}
