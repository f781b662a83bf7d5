import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { selectChannels } from '../../src/channels/select-channels.js';
import { seededRandom } from '../../src/platform/random.js';

const COUNT = 6;
const random = seededRandom(7);
const draw = () => Array.from({ length: 40 }, () => Array.from({ length: COUNT }, () => 2 * random() - 1));
const covarianceOf = (rows: readonly (readonly number[])[]) =>
  Float64Array.from({ length: COUNT * COUNT }, (_, at) =>
    rows.reduce((sum, row) => sum + (row[Math.floor(at / COUNT)] ?? 0) * (row[at % COUNT] ?? 0), 0),
  );

/** What is left of each channel when the chosen ones are regressed out of it, row by row (Gram and Schmidt), as a share of all. */
function leftOver(rows: readonly (readonly number[])[], chosen: readonly number[]): number {
  const column = (channel: number) => rows.map((row) => row[channel] ?? 0);
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
  const basis: number[][] = [];
  const without = (vector: number[]) =>
    basis.reduce((rest, b) => {
      const share = dot(rest, b) / dot(b, b);
      return rest.map((value, i) => value - share * (b[i] ?? 0));
    }, vector);
  for (const channel of chosen) basis.push(without(column(channel)));
  const all = Array.from({ length: COUNT }, (_, channel) => column(channel));
  const total = all.reduce((sum, vector) => sum + dot(vector, vector), 0);
  return all.map(without).reduce((sum, vector) => sum + dot(vector, vector), 0) / total;
}

describe('choosing channels', () => {
  test('each choice leaves least unexplained, and says how much', () => {
    const rows = draw();
    const { order, unexplained } = selectChannels(COUNT, [covarianceOf(rows)]);
    assert.deepEqual(order.toSorted(), [0, 1, 2, 3, 4, 5]);
    order.forEach((channel, place) => {
      const before = order.slice(0, place);
      const left = (one: number) => leftOver(rows, [...before, one]);
      assert.ok(Math.abs((unexplained[place] ?? 1) - left(channel)) < 1e-9);
      for (const other of order.slice(place)) assert.ok(left(channel) <= left(other) + 1e-9);
    });
  });

  test('an echo comes after everything that says something new', () => {
    const rows = draw().map(([a = 0, , b = 0, , c = 0]) => [a, a / 3, b, -b / 3, c, c / 3]);
    const { order, unexplained } = selectChannels(COUNT, [covarianceOf(rows)]);
    assert.deepEqual(order.slice(0, 3).toSorted(), [0, 2, 4]);
    assert.ok((unexplained[2] ?? 1) < 1e-9 && (unexplained[1] ?? 0) > 0.05);
  });

  test('channels that must stay are counted on, and places count alike whatever their scale', () => {
    assert.deepEqual(selectChannels(COUNT, [covarianceOf(draw())], [4, 5]).order.slice(0, 2), [4, 5]);
    const [one, other] = [draw(), draw().map((row) => row.map((value, channel) => (channel === 2 ? 4 : 1) * value))];
    const loud = other.map((row) => row.map((value) => 1000 * value));
    const order = (rows: number[][]) => selectChannels(COUNT, [covarianceOf(one), covarianceOf(rows)]).order;
    assert.deepEqual(order(loud), order(other));
  });
});
