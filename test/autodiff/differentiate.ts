import { backward } from '../../src/autodiff/backward.js';
import { BLOCKED_OPERATORS } from '../../src/autodiff/blocked-convolution.js';
import type { KnownValue } from '../../src/autodiff/emitter.js';
import { trainingForm } from '../../src/autodiff/training-form.js';
import { TRAINING_OPSET } from '../../src/distillation/program.js';
import type { Graph, Model, Node, Value } from '../../src/onnx/ir/graph.js';
import type { Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { type Session, withSession } from '../../src/runtime/session.js';

const asModel = (graph: Graph, opset = TRAINING_OPSET): Model => ({
  irVersion: 9,
  producer: 'test',
  opsets: new Map([
    ['', opset],
    ['com.microsoft', 1],
    ...graph.nodes.flatMap(({ domain }): [string, number][] =>
      domain === BLOCKED_OPERATORS.domain ? [[domain, BLOCKED_OPERATORS.version]] : [],
    ),
  ]),
  graph,
  functions: [],
  metadata: new Map(),
});
const value = (name: string): Value => ({ name, type: null });
const typed = (name: string, dims: readonly number[]): Value => ({
  name,
  type: { kind: 'tensor', dtype: 'float32', shape: dims },
});

async function run(graph: Graph, feeds: ReadonlyMap<string, Tensor>, opset?: number): Promise<Map<string, Tensor>> {
  return withSession(encodeModel(asModel(graph, opset)), { threads: 1, optimization: 'basic' }, (session) =>
    session.run(feeds),
  );
}

export interface Expression {
  readonly nodes: readonly Node[];
  readonly constants?: Readonly<Record<string, Tensor>>;
  /** The value that is scored; default: the first output of the last node. */
  readonly output?: string;
  /** Operator set, where it is not that of training. */
  readonly opset?: number | undefined;
}

const outputOf = ({ nodes, output }: Expression) => output ?? nodes.at(-1)?.outputs[0] ?? '';

function graphOf(expression: Expression, variables: ReadonlyMap<string, Tensor>): Graph {
  return {
    name: 'forward',
    nodes: [...expression.nodes],
    inputs: [...variables].map(([name, { dims }]) => typed(name, dims)),
    outputs: [value(outputOf(expression))],
    initializers: new Map(Object.entries(expression.constants ?? {})),
    values: new Map(),
  };
}

/** The expression as ONNX Runtime computes it, without its optimizations. */
export function evaluating<Result>(
  expression: Expression,
  variables: ReadonlyMap<string, Tensor>,
  use: (evaluate: (feeds: ReadonlyMap<string, Tensor>) => Promise<Tensor>) => Promise<Result>,
): Promise<Result> {
  const output = outputOf(expression);
  const model = encodeModel(asModel(graphOf(expression, variables), expression.opset));
  return withSession(model, { threads: 1, optimization: 'disabled' }, (session: Session) =>
    use(async (feeds) => (await session.run(feeds, [output])).get(output) as Tensor),
  );
}

/**
 * Gradients of L = Σ r·y by every variable, as the emitted graph computes them.
 * @param seed r, from the shape of y
 * @param block channels per block of the convolutions' layout
 */
export async function differentiate(
  expression: Expression,
  variables: ReadonlyMap<string, Tensor>,
  seed: (dims: readonly number[]) => Tensor,
  block = 1,
): Promise<{ gradients: Map<string, Tensor>; seed: Tensor; graph: Graph }> {
  const output = outputOf(expression);
  const graph = graphOf(expression, variables);
  const forward = { ...graph, nodes: trainingForm(graph.nodes, new Set([output])) };
  const exposed = {
    ...forward,
    outputs: forward.nodes.flatMap((node) => node.outputs.filter((name) => name !== '').map(value)),
  };
  const known = new Map<string, KnownValue>([...variables, ...(await run(exposed, variables, expression.opset))]);
  const weights = seed(known.get(output)?.dims ?? []);
  const differentiated: Graph = { ...forward, initializers: new Map([...forward.initializers, ['seed', weights]]) };
  const wanted = [...variables.keys()];
  const names = backward(differentiated, { values: known, seeds: new Map([[output, 'seed']]), wanted, block });
  differentiated.outputs = [...names.values()].map(value);
  const computed = await run(differentiated, variables, expression.opset);
  const gradients = new Map([...names].map(([name, gradient]) => [name, computed.get(gradient) as Tensor]));
  return { gradients, seed: weights, graph: differentiated };
}
