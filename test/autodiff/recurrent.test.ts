import { describe, test } from 'node:test';
import { node } from '../../src/onnx/ir/graph.js';
import type { Attributes } from './cases/node-case.js';
import { differentiate } from './differentiate.js';
import { assertGradients, readGolden, stored, type TorchCase, variablesOf } from './torch-golden.js';

const golden = readGolden<{
  readonly source: string;
  readonly cases: readonly (TorchCase & { readonly operator: string; readonly direction: string })[];
}>('recurrent');

describe(`recurrent gradients of ${golden.source}`, () => {
  for (const each of golden.cases) {
    const { operator, direction, inputs, seed } = each;
    test(`${operator} ${direction}`, async () => {
      const states = operator === 'LSTM' ? ['h', 'c'] : ['h'];
      const linear: Attributes = operator === 'GRU' ? { linear_before_reset: 1 } : {};
      const attributes = { hidden_size: inputs.R?.dims[2] ?? 0, direction, ...linear };
      const nodes = [node(operator, ['X', 'W', 'R', 'B', '', ...states], ['y'], { attributes })];
      const { gradients } = await differentiate({ nodes }, variablesOf(each), () => stored(seed));
      assertGradients(each, gradients);
    });
  }
});
