import type { Graph, Node } from '../onnx/ir/graph.js';
import { elementCount } from '../onnx/ir/tensor.js';
import type { NodeSelection } from './node-selection.js';
import type { Decision } from './plan.js';
import { dynamicObstacle, isEmbedding, staticObstacle } from './quantizable.js';
import { LEAST_STORED_ELEMENTS } from './store-weights.js';
import { hasWeights, weightOperands } from './weight-operands.js';
import { type CpuClass, reasonNotToPay } from './what-pays.js';
import { type Shapes, workload } from './workload.js';

export interface DecisionContext {
  readonly graph: Graph;
  readonly ranges: 'static' | 'dynamic';
  readonly selected: NodeSelection;
  readonly onlyWhatPays: boolean;
  readonly cpu: CpuClass;
  readonly shapes: Shapes;
  /** Nodes that an earlier round tried in vain, with the reason. */
  readonly refused: ReadonlyMap<string, string>;
}

/** Below this many numbers a table is not worth a second look-up. */
const LEAST_TABLE = 4096;

/** Stored in int8 when that saves bytes, else left as it is. */
function floating(node: Node, graph: Graph, reason: string): Decision {
  const worthStoring = weightOperands(node, graph).some(
    ({ tensor }) => elementCount(tensor.dims) >= LEAST_STORED_ELEMENTS && node.opType !== 'Gather',
  );
  return { node, treatment: worthStoring ? 'stored' : 'float', reason };
}

function decide(node: Node, context: DecisionContext): Decision {
  const { graph } = context;
  if (!context.selected(node)) return { node, treatment: 'float', reason: 'The request leaves it out.' };
  const refusal = context.refused.get(node.name);
  if (refusal !== undefined) return floating(node, graph, refusal);
  if (isEmbedding(node, graph)) {
    const big = elementCount(weightOperands(node, graph)[0]?.tensor.dims ?? []) >= LEAST_TABLE;
    return big
      ? { node, treatment: 'rows', reason: 'A look-up does no arithmetic; its rows are stored in INT8.' }
      : { node, treatment: 'float', reason: 'The table is too small to gain anything.' };
  }
  const obstacle = (context.ranges === 'static' ? staticObstacle : dynamicObstacle)(node, graph);
  if (obstacle) return floating(node, graph, obstacle);
  const work = context.onlyWhatPays ? workload(node, graph, context.shapes, context.ranges) : null;
  const loss = work && reasonNotToPay(work, context.cpu);
  return loss ? floating(node, graph, loss) : { node, treatment: context.ranges, reason: null };
}

/** A decision, with its reason, for every node that could hold INT8 weights. */
export function decideNodes(context: DecisionContext): Map<Node, Decision> {
  const candidates = context.graph.nodes.filter((node) => hasWeights(node) && isRelevant(node, context.graph));
  return new Map(candidates.map((node) => [node, decide(node, context)]));
}

/** A Gather with no table and a product of two activations have nothing that could be quantized; they are no candidates. */
function isRelevant(node: Node, graph: Graph): boolean {
  return node.opType === 'Gather' ? isEmbedding(node, graph) : true;
}
