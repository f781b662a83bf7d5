import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { elements, floats, type Tensor } from '../../src/onnx/ir/tensor.js';

export interface Stored {
  readonly dims: readonly number[];
  readonly values: readonly number[];
}
type Arrays = Readonly<Record<string, Stored>>;

/** Operands, the gradient by the output and those by the operands, as PyTorch computes them. */
export interface TorchCase {
  readonly inputs: Arrays;
  readonly seed: Stored;
  readonly gradients: Arrays;
}

/** One of the files that the scripts beside it write. */
export const readGolden = <Content>(name: string): Content =>
  JSON.parse(readFileSync(`test/autodiff/golden/${name}.json`, 'utf8'));

export const stored = ({ dims, values }: Stored): Tensor => floats(values, dims);

export const variablesOf = ({ inputs }: TorchCase): Map<string, Tensor> =>
  new Map(Object.entries(inputs).map(([name, each]) => [name, stored(each)]));

/** That gradients are PyTorch's, in shape and within float32's rounding in value. */
export function assertGradients({ gradients: expected }: TorchCase, found: ReadonlyMap<string, Tensor>): void {
  for (const [name, { dims, values }] of Object.entries(expected)) {
    const gradient = found.get(name) ?? assert.fail(`no gradient by ${name}`);
    assert.deepEqual(gradient.dims, dims);
    elements(gradient, 'float32').forEach((value, i) => {
      const wanted = values[i] ?? Number.NaN;
      assert.ok(
        Math.abs(value - wanted) <= 2e-5 + 2e-4 * Math.abs(wanted),
        `${name}[${i}]: ${value}, PyTorch ${wanted}`,
      );
    });
  }
}
