import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ruleFor } from '../../src/autodiff/differentiable.js';
import { node } from '../../src/onnx/ir/graph.js';
import { elements, floats, type Tensor, tensor } from '../../src/onnx/ir/tensor.js';
import { differentiate, type Expression, evaluating } from './differentiate.js';

/** Inside, outside, and near both ends of every range below. */
const X = Float32Array.from({ length: 41 }, (_, i) => (i - 20) * 0.37 + 0.013);
const STEP = 1e-2;

/** Fake quantization, and the real interval that it rounds: half a step further than its integers reach. */
const cases: readonly { name: string; scale: number; zeroPoint: Tensor; range: readonly [number, number] }[] = [
  { name: 'uint8 from 0', scale: 0.02, zeroPoint: tensor('uint8', [], Uint8Array.of(0)), range: [-0.01, 5.11] },
  { name: 'uint8 around 100', scale: 0.03, zeroPoint: tensor('uint8', [], Uint8Array.of(100)), range: [-3.015, 4.665] },
  { name: 'int8', scale: 0.04, zeroPoint: tensor('int8', [], Int8Array.of(0)), range: [-5.14, 5.1] },
];
const roundTrip = (scale: number, zeroPoint: Tensor): Expression => ({
  nodes: [node('QuantizeLinear', ['x', 's', 'z'], ['q']), node('DequantizeLinear', ['q', 's', 'z'], ['y'])],
  constants: { s: floats([scale], []), z: zeroPoint },
});
/** Sums with weights that differ, so that a gradient in the wrong place shows. */
const seed = (dims: readonly number[]) =>
  floats(
    X.map((_, i) => 1 + i / 10),
    dims,
  );

describe('gradients straight through quantization', () => {
  for (const { name, scale, zeroPoint, range } of cases) {
    test(`${name}: those of x kept within the range, by hand and by central differences`, async () => {
      const x = new Map([['x', floats(X)]]);
      const { gradients } = await differentiate(roundTrip(scale, zeroPoint), x, seed);
      const slopes = elements(gradients.get('x') as Tensor, 'float32');
      const [low, high] = range;
      const surrogate: Expression = {
        nodes: [node('Clip', ['x', 'low', 'high'], ['y'])],
        constants: { low: floats([low], []), high: floats([high], []) },
      };
      await evaluating(surrogate, x, async (evaluate) => {
        const at = async (moved: number) => {
          const feeds = new Map([['x', floats(X.map((each) => each + moved))]]);
          return elements(await evaluate(feeds), 'float32');
        };
        const [above, below] = [await at(STEP), await at(-STEP)];
        X.forEach((each, i) => {
          const byHand = each > low && each < high ? 1 + i / 10 : 0;
          assert.ok(
            Math.abs((slopes[i] ?? Number.NaN) - byHand) < 1e-5,
            `x = ${each}: ${slopes[i]}, by hand ${byHand}`,
          );
          const measured = (((above[i] ?? 0) - (below[i] ?? 0)) / (2 * STEP)) * (1 + i / 10);
          const atAnEnd = Math.min(Math.abs(each - low), Math.abs(each - high)) <= STEP;
          assert.ok(atAnEnd || Math.abs(measured - byHand) < 1e-2, `x = ${each}: measured ${measured}`);
        });
      });
    });
  }

  test('a range measured on the spot holds everything, so everything passes', async () => {
    const expression: Expression = {
      nodes: [node('DynamicQuantizeLinear', ['x'], ['q', 's', 'z']), node('DequantizeLinear', ['q', 's', 'z'], ['y'])],
    };
    const { gradients } = await differentiate(expression, new Map([['x', floats(X)]]), seed);
    assert.deepEqual(gradients.get('x')?.bytes, seed([X.length]).bytes);
  });

  const int4: Tensor = { dtype: 'int4', dims: [], bytes: Uint8Array.of(0) };
  for (const [what, scale, zeroPoint, attributes, says] of [
    ['with scales per channel', floats([1, 2]), tensor('int8', [2], new Int8Array(2)), {}, /one scale for the whole/],
    ['to 4 bits', floats([1], []), int4, {}, /8 and 16 bits/],
    ['to a type that its attribute states', floats([1], []), null, { output_dtype: 3 }, /a zero point/],
  ] as const)
    test(`quantization ${what} is refused: its range is not known`, () => {
      const constants = new Map([['s', scale], ...(zeroPoint ? [['z', zeroPoint] as const] : [])]);
      const rounded = node('QuantizeLinear', ['x', ...constants.keys()], ['q'], { attributes });
      const found = ruleFor(rounded, constants);
      assert.match('refused' in found ? found.refused : '', says);
    });
});
