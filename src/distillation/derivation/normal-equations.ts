import { type Graph, type Model, node } from '../../onnx/ir/graph.js';
import { elements, type Tensor, tensor } from '../../onnx/ir/tensor.js';
import { encodeModel } from '../../onnx/serde/encode-model.js';
import { type Session, withSession } from '../../runtime/session.js';
import { TRAINING_OPSET } from '../program.js';
import type { RegressionRows } from './regression-rows.js';
import type { NormalEquations } from './ridge-regression.js';

/** XᵀX and XᵀY of float64 matrices, batched over groups: ONNX Runtime's products are many times faster than ours. */
function gramModel(): Model {
  const value = (name: string, shape: readonly string[]) =>
    ({ name, type: { kind: 'tensor', dtype: 'float64', shape } }) as const;
  const graph: Graph = {
    name: 'normal_equations',
    nodes: [
      node('Transpose', ['x'], ['xt'], { attributes: { perm: [0, 2, 1] } }),
      node('MatMul', ['xt', 'x'], ['g']),
      node('MatMul', ['xt', 'y'], ['b']),
    ],
    inputs: [value('x', ['groups', 'rows', 'p']), value('y', ['groups', 'rows', 'm'])],
    outputs: [value('g', ['groups', 'p', 'p']), value('b', ['groups', 'p', 'm'])],
    initializers: new Map(),
    values: new Map(),
  };
  const opsets = new Map([['', TRAINING_OPSET]]);
  return { irVersion: 8, producer: 'modelpress', opsets, graph, functions: [], metadata: new Map() };
}

/** Numbers of XᵀX of a layer that is solved, of all its groups together: in float64 128 MB, and about a minute to factor. */
const MOST_PRODUCTS = 4096 ** 2;

/** Whether the equations of a layer are small enough to be set up, its bias included. */
export const canBeSolved = ({ groups, inputs }: { readonly groups: number; readonly inputs: number }): boolean =>
  groups * (inputs + 1) ** 2 <= MOST_PRODUCTS;

export const withGram = <Result>(threads: number, use: (session: Session) => Promise<Result>): Promise<Result> =>
  withSession(encodeModel(gramModel()), { threads }, use);

export const emptyEquations = (groups: number, p: number, m: number): NormalEquations => ({
  groups,
  p,
  m,
  g: new Float64Array(groups * p * p),
  b: new Float64Array(groups * p * m),
});

/** Adds the sums of these rows to the equations. */
export async function addRows(
  gram: Session,
  equations: NormalEquations,
  { rows, x, y }: RegressionRows,
): Promise<void> {
  if (rows === 0) return;
  const { groups, p, m } = equations;
  const feeds = new Map<string, Tensor>([
    ['x', tensor('float64', [groups, rows, p], x)],
    ['y', tensor('float64', [groups, rows, m], y)],
  ]);
  const sums = await gram.run(feeds, ['g', 'b']);
  for (const name of ['g', 'b'] as const) {
    const found = sums.get(name);
    if (!found) throw new Error(`the normal equations gave no ${name}`);
    const values = elements(found, 'float64');
    const total = equations[name];
    for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + (values[i] as number);
  }
}
