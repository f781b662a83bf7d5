import assert from 'node:assert/strict';
import { backward } from '../../src/autodiff/backward.js';
import type { KnownValue } from '../../src/autodiff/emitter.js';
import { trainingForm } from '../../src/autodiff/training-form.js';
import type { Graph, Model, Node, Value } from '../../src/onnx/ir/graph.js';
import { elementCount, elements, floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { withSession } from '../../src/runtime/session.js';

/** A value that is differentiated. `spaced` draws values that keep a distance, for operators that compare them. */
interface Variable {
  readonly dims: readonly number[];
  readonly low?: number;
  readonly high?: number;
  readonly spaced?: boolean;
}

export interface GradientCase {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly variables: Readonly<Record<string, Variable>>;
  readonly constants?: Readonly<Record<string, Tensor>>;
  /** The value that is scored; default: the first output of the last node. */
  readonly output?: string;
}

/** mulberry32, so that a failing case fails again. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const OPSETS = new Map([
  ['', 18],
  ['com.microsoft', 1],
]);
const asModel = (graph: Graph): Model => ({
  irVersion: 9,
  producer: 'test',
  opsets: OPSETS,
  graph,
  functions: [],
  metadata: new Map(),
});
const value = (name: string): Value => ({ name, type: null });
const typed = (name: string, dims: readonly number[]): Value => ({
  name,
  type: { kind: 'tensor', dtype: 'float32', shape: dims },
});

async function run(graph: Graph, feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
  return withSession(encodeModel(asModel(graph)), { threads: 1, optimization: 'basic' }, (session) =>
    session.run(feeds),
  );
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
  const next = random(7);
  const variables = new Map(Object.entries(c.variables).map(([name, variable]) => [name, draw(variable, next)]));
  const output = c.output ?? c.nodes.at(-1)?.outputs[0] ?? '';
  const graph: Graph = {
    name: 'forward',
    nodes: [...c.nodes],
    inputs: [...variables].map(([name, { dims }]) => typed(name, dims)),
    outputs: [value(output)],
    initializers: new Map(Object.entries(c.constants ?? {})),
    values: new Map(),
  };
  const forward = { ...graph, nodes: trainingForm(graph.nodes) };
  const exposed = {
    ...forward,
    outputs: forward.nodes.flatMap((node) => node.outputs.filter((name) => name !== '').map(value)),
  };
  const known = new Map<string, KnownValue>([...variables, ...(await run(exposed, variables))]);
  const weights = floats(
    Array.from({ length: elementCount(known.get(output)?.dims ?? []) }, () => next() * 2 - 1),
    known.get(output)?.dims ?? [],
  );

  const differentiated: Graph = {
    ...forward,
    nodes: [...forward.nodes],
    initializers: new Map([...forward.initializers, ['seed', weights]]),
  };
  const wanted = [...variables.keys()];
  const gradients = backward(differentiated, { values: known, seeds: new Map([[output, 'seed']]), wanted });
  differentiated.outputs = [...gradients.values()].map(value);
  const computed = await run(differentiated, variables);

  await withSession(encodeModel(asModel(graph)), { threads: 1, optimization: 'disabled' }, async (session) => {
    const loss = async (feeds: ReadonlyMap<string, Tensor>) => {
      const y = elements((await session.run(feeds, [output])).get(output) as Tensor, 'float32');
      const r = elements(weights, 'float32');
      return y.reduce((total, each, i) => total + each * (r[i] ?? 0), 0);
    };
    for (const [name, tensor] of variables) {
      const gradientName = gradients.get(name);
      assert.ok(gradientName, `${c.name}: no gradient by ${name}`);
      const gradient = computed.get(gradientName) as Tensor;
      assert.deepEqual(gradient.dims, tensor.dims, `${c.name}: shape of the gradient by ${name}`);
      const slopes = elements(gradient, 'float32');
      const x = elements(tensor, 'float32');
      for (let i = 0; i < DIRECTIONS; i++) {
        const direction = Float64Array.from(x, () => next() * 2 - 1);
        const moved = (sign: number) =>
          new Map([
            ...variables,
            [
              name,
              floats(
                x.map((each, j) => each + sign * STEP * (direction[j] ?? 0)),
                tensor.dims,
              ),
            ],
          ]);
        const measured = ((await loss(moved(1))) - (await loss(moved(-1)))) / (2 * STEP);
        const predicted = slopes.reduce((total, slope, j) => total + slope * (direction[j] ?? 0), 0);
        const scale = Math.max(1, Math.sqrt(slopes.reduce((total, slope) => total + slope * slope, 0)));
        const message = `${c.name}, by ${name}: finite differences ${measured}, gradient ${predicted}`;
        assert.ok(Math.abs(measured - predicted) <= tolerance * scale, message);
      }
    }
  });
}
