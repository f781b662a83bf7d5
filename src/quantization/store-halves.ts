import { cloneModel } from '../onnx/ir/clone.js';
import type { Node } from '../onnx/ir/graph.js';
import { graphsOf } from '../onnx/ir/visit-graphs.js';
import type { CleanUpResult } from '../onnx/passes/clean-up.js';
import type { Scheme } from './apply-scheme.js';
import { freshNames } from './names.js';
import type { NodeSelection } from './node-selection.js';
import type { Decision } from './plan.js';
import { storeConstants } from './store-constants.js';
import { hasWeights } from './weight-operands.js';

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
