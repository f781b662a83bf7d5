import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { node } from '../../src/onnx/ir/graph.js';
import { elements, floats } from '../../src/onnx/ir/tensor.js';
import type { Attributes } from './cases/node-case.js';
import { differentiate } from './differentiate.js';

interface Stored {
  readonly dims: readonly number[];
  readonly values: readonly number[];
}
interface Golden {
  readonly source: string;
  readonly cases: readonly {
    readonly operator: string;
    readonly direction: string;
    readonly inputs: Readonly<Record<string, Stored>>;
    readonly seed: Stored;
    readonly gradients: Readonly<Record<string, Stored>>;
  }[];
}
const golden: Golden = JSON.parse(readFileSync('test/autodiff/golden/recurrent.json', 'utf8'));

describe(`recurrent gradients of ${golden.source}`, () => {
  const read = ({ dims, values }: Stored) => floats(values, dims);
  for (const { operator, direction, inputs, seed, gradients: expected } of golden.cases) {
    test(`${operator} ${direction}`, async () => {
      const states = operator === 'LSTM' ? ['h', 'c'] : ['h'];
      const linear: Attributes = operator === 'GRU' ? { linear_before_reset: 1 } : {};
      const attributes = { hidden_size: inputs.R?.dims[2] ?? 0, direction, ...linear };
      const variables = new Map(Object.entries(inputs).map(([name, stored]) => [name, read(stored)]));
      const nodes = [node(operator, ['X', 'W', 'R', 'B', '', ...states], ['y'], { attributes })];
      const { gradients } = await differentiate({ nodes }, variables, () => read(seed));
      for (const [name, { dims, values }] of Object.entries(expected)) {
        const gradient = gradients.get(name) ?? assert.fail(`no gradient by ${name}`);
        assert.deepEqual(gradient.dims, dims);
        elements(gradient, 'float32').forEach((found, i) => {
          const wanted = values[i] ?? Number.NaN;
          assert.ok(
            Math.abs(found - wanted) <= 2e-5 + 2e-4 * Math.abs(wanted),
            `${name}[${i}]: ${found}, PyTorch ${wanted}`,
          );
        });
      }
    });
  }
});
