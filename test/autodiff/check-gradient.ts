import assert from 'node:assert/strict';
import { elementCount, elements, floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { seededRandom } from '../../src/platform/random.js';
import { differentiate, type Expression, evaluating } from './differentiate.js';

/** A value that is differentiated. `spaced` draws values that keep a distance, for operators that compare them. */
export interface Variable {
  readonly dims: readonly number[];
  readonly low?: number;
  readonly high?: number;
  readonly spaced?: boolean;
}

export interface GradientCase extends Expression {
  readonly name: string;
  readonly variables: Readonly<Record<string, Variable>>;
}

function draw({ dims, low = -1, high = 1, spaced = false }: Variable, next: () => number): Tensor {
  const count = elementCount(dims);
  if (!spaced)
    return floats(
      Array.from({ length: count }, () => low + (high - low) * next()),
      dims,
    );
  const order = Array.from({ length: count }, (_, rank) => ({ rank, key: next() })).sort((a, b) => a.key - b.key);
  return floats(
    order.map(({ rank }) => rank * SPACING),
    dims,
  );
}

const STEP = 1e-2;
/** More than two steps, so that no step changes an order. */
const SPACING = 0.05;
const DIRECTIONS = 3;

/**
 * Compares the gradient of L = Σ r·y (r random) by every variable with central differences along random directions:
 * (L(x + εd) − L(x − εd)) / 2ε against ⟨gradient, d⟩.
 */
export async function checkGradient(c: GradientCase, tolerance = 5e-3): Promise<void> {
  const next = seededRandom(7);
  const variables = new Map(Object.entries(c.variables).map(([name, variable]) => [name, draw(variable, next)]));
  const { gradients, seed } = await differentiate(c, variables, (dims) => draw({ dims }, next));

  await evaluating(c, variables, async (evaluate) => {
    const r = elements(seed, 'float32');
    const loss = async (feeds: ReadonlyMap<string, Tensor>) =>
      elements(await evaluate(feeds), 'float32').reduce((total, each, i) => total + each * (r[i] ?? 0), 0);
    for (const [name, tensor] of variables) {
      const gradient = gradients.get(name);
      assert.ok(gradient, `${c.name}: no gradient by ${name}`);
      assert.deepEqual(gradient.dims, tensor.dims, `${c.name}: shape of the gradient by ${name}`);
      const slopes = elements(gradient, 'float32');
      const x = elements(tensor, 'float32');
      for (let i = 0; i < DIRECTIONS; i++) {
        const direction = Float64Array.from(x, () => next() * 2 - 1);
        const moved = (sign: number) =>
          new Map(variables).set(
            name,
            floats(
              x.map((each, j) => each + sign * STEP * (direction[j] ?? 0)),
              tensor.dims,
            ),
          );
        const measured = ((await loss(moved(1))) - (await loss(moved(-1)))) / (2 * STEP);
        const predicted = slopes.reduce((total, slope, j) => total + slope * (direction[j] ?? 0), 0);
        const scale = Math.max(1, Math.sqrt(slopes.reduce((total, slope) => total + slope * slope, 0)));
        const message = `${c.name}, by ${name}: finite differences ${measured}, gradient ${predicted}`;
        assert.ok(Math.abs(measured - predicted) <= tolerance * scale, message);
      }
    }
  });
}
