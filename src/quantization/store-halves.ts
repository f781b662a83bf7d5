import { cloneModel } from '../onnx/ir/clone.js';
import { type Graph, node as makeNode, type Node } from '../onnx/ir/graph.js';
import { numberToHalf } from '../onnx/ir/numbers.js';
import { elementCount, elements, type Tensor, tensor } from '../onnx/ir/tensor.js';
import { graphsOf } from '../onnx/ir/visit-graphs.js';
import type { CleanUpResult } from '../onnx/passes/clean-up.js';
import type { Scheme } from './apply-scheme.js';
import { storageObstacle } from './half/fitness.js';
import { freshNames } from './names.js';
import type { NodeSelection } from './node-selection.js';
import type { Decision } from './plan.js';
import { LEAST_STORED_ELEMENTS } from './store-weights.js';
import { hasWeights } from './weight-operands.js';

const FLOAT32 = 1;

const isLarge = ({ dtype, dims }: Tensor) => dtype === 'float32' && elementCount(dims) >= LEAST_STORED_ELEMENTS;

/** Constants that became halves, and those that were wanted and could not, each with the reason. */
interface StoredConstants {
  readonly halves: ReadonlySet<string>;
  readonly obstacles: ReadonlyMap<string, string>;
}

/** Stores the wanted large constants of these graphs as halves, each restored by a Cast. */
export function storeConstants(
  graphs: readonly Graph[],
  wanted: (name: string) => boolean,
  fresh: (hint: string) => string,
): StoredConstants {
  const halves = new Set<string>();
  const obstacles = new Map<string, string>();
  for (const graph of graphs) {
    const inputs = new Set(graph.inputs.map(({ name }) => name));
    const restoring = [...graph.initializers].flatMap(([name, value]): Node[] => {
      if (!isLarge(value) || inputs.has(name) || !wanted(name)) return [];
      const obstacle = storageObstacle(name, value);
      if (obstacle !== null) {
        obstacles.set(name, obstacle);
        return [];
      }
      const half = fresh(`${name}_half`);
      graph.initializers.delete(name);
      graph.initializers.set(
        half,
        tensor('float16', value.dims, Uint16Array.from(elements(value, 'float32'), numberToHalf)),
      );
      halves.add(name);
      return [makeNode('Cast', [half], [name], { name: `${half}_Cast`, attributes: { to: FLOAT32 } })];
    });
    graph.nodes.unshift(...restoring);
  }
  return { halves, obstacles };
}

/**
 * Stores the large float constants of all graphs in IEEE half precision, rounded to nearest, ties to even, and restores each by a Cast
 * under the name it had. ONNX Runtime folds the Cast when it loads the model, so everything runs as before, in FP32. A constant that
 * holds a number beyond 65,504 or is too small for halves, or that an excluded node reads, stays as it is.
 */
export function storeHalves({ model, passes }: CleanUpResult, selected: NodeSelection): Scheme {
  const stored = cloneModel(model);
  const graphs = [...graphsOf(stored.graph)];
  const excluded = new Set(
    graphs.flatMap(({ nodes }) => nodes.filter((node) => !selected(node))).flatMap((n) => n.inputs),
  );
  const { halves, obstacles } = storeConstants(graphs, (name) => !excluded.has(name), freshNames(stored.graph));
  const decisions = new Map<Node, Decision>();
  for (const node of model.graph.nodes) {
    if (!hasWeights(node) || !node.inputs.some((name) => model.graph.initializers.has(name))) continue;
    const obstacle = node.inputs.map((name) => obstacles.get(name)).find((found) => found !== undefined);
    const reason = selected(node)
      ? (obstacle ?? 'FP16 is how its weights are stored; it runs in FP32.')
      : 'The request leaves it out.';
    decisions.set(node, {
      node,
      treatment: node.inputs.some((name) => halves.has(name)) ? 'stored16' : 'float',
      reason,
    });
  }
  const plan = {
    graph: model.graph,
    decisions,
    quantizedResults: new Map(),
    absorbed: new Set<Node>(),
    sharedScale: new Map(),
  };
  return { model: stored, passes, presets: [], methods: [], plan, integerWeights: [], calibratedTensors: 0 };
}
