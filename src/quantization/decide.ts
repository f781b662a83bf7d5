import type { Graph, Node } from '../onnx/ir/graph.js';
import { elementCount } from '../onnx/ir/tensor.js';
import type { BlockOptions } from './block-weights.js';
import { BEAR_FOUR_BITS, endLayers } from './four-bit-weights.js';
import type { NodeSelection } from './node-selection.js';
import type { Decision, IntegerArithmetic } from './plan.js';
import { isEmbedding, OBSTACLES, type Obstacle } from './quantizable.js';
import { agreeOnSharedWeights } from './shared-weights.js';
import { spareSmallWeights } from './spare-small-weights.js';
import { storedShape } from './stored-shape.js';
import { weightFault } from './weight-fault.js';
import { hasWeights, weightOperands } from './weight-operands.js';
import { type CpuClass, expectedSpeed, nodesThatPay, type Workload } from './what-pays.js';
import { type Shapes, workload } from './workload.js';
import { isWorthStoring } from './worth-storing.js';

export interface DecisionContext {
  readonly graph: Graph;
  readonly arithmetic: IntegerArithmetic;
  /** Whether constants may be of 4-bit types. */
  readonly fourBitConstants: boolean;
  /** Names of nodes whose weights are to be in 4 bits though the arithmetic is that of 8. */
  readonly inFourBits: ReadonlySet<string>;
  /** How weights become few bits. */
  readonly weights: BlockOptions;
  readonly selected: NodeSelection;
  readonly onlyWhatPays: boolean;
  readonly cpu: CpuClass;
  readonly shapes: Shapes;
  /** Nodes that an earlier round tried in vain, with the reason. */
  readonly refused: ReadonlyMap<string, string>;
}

/** Below this many numbers a table is not worth a second look-up. */
const LEAST_TABLE = 4096;

/** Stored in as few bits as the scheme has when that saves bytes, else left as it is. */
function floating(node: Node, arithmetic: IntegerArithmetic, context: DecisionContext, reason: string): Decision {
  const operands = node.opType === 'Gather' ? [] : weightOperands(node, context.graph);
  if (!operands.some(({ tensor }) => isWorthStoring(tensor))) {
    return { node, treatment: 'float', reason };
  }
  const inBlocks =
    (arithmetic === 'weights4' || context.inFourBits.has(node.name)) &&
    context.fourBitConstants &&
    BEAR_FOUR_BITS.includes(node.opType) &&
    operands.every((operand) => storedShape(operand) !== null);
  return { node, treatment: inBlocks ? 'stored4' : 'stored', reason };
}

function embedding(node: Node, graph: Graph): Decision {
  const big = elementCount(weightOperands(node, graph)[0]?.tensor.dims ?? []) >= LEAST_TABLE;
  return big
    ? { node, treatment: 'rows', reason: 'A look-up does no arithmetic; its rows are stored in INT8.' }
    : { node, treatment: 'float', reason: 'The table is too small to gain anything.' };
}

/** Bits that MatMulNBits of ONNX Runtime 1.30 multiplies. */
const MULTIPLIED_BITS: readonly number[] = [2, 4, 8];

function bitsObstacle(arithmetic: IntegerArithmetic, { bits }: BlockOptions): Obstacle {
  if (arithmetic !== 'weights4' || MULTIPLIED_BITS.includes(bits)) return null;
  return `ONNX Runtime multiplies by weights of ${MULTIPLIED_BITS.join(', ')} bits, not of ${bits}.`;
}

/** The decision for a node that cannot run in integer, or must not; undefined when it can. */
function decidedByRule(node: Node, arithmetic: IntegerArithmetic, context: DecisionContext): Decision | undefined {
  const { graph } = context;
  if (!context.selected(node)) return { node, treatment: 'float', reason: 'The request leaves it out.' };
  const fault = weightOperands(node, graph)
    .map(weightFault)
    .find((found) => found !== null);
  if (fault) return { node, treatment: 'float', reason: fault };
  if (isEmbedding(node, graph)) return embedding(node, graph);
  const reason =
    context.refused.get(node.name) ?? OBSTACLES[arithmetic](node, graph) ?? bitsObstacle(arithmetic, context.weights);
  return reason ? floating(node, arithmetic, context, reason) : undefined;
}

const settled = (decisions: Map<Node, Decision>, { graph, selected }: DecisionContext) =>
  spareSmallWeights(agreeOnSharedWeights(decisions, graph, selected), graph);

/** A decision, with its reason, for every node that could hold INT8 weights. */
export function decideNodes(context: DecisionContext): Map<Node, Decision> {
  const { graph, cpu } = context;
  const eightBits = context.arithmetic === 'weights4' ? endLayers(graph) : new Set<Node>();
  const arithmeticOf = (node: Node) => (eightBits.has(node) ? 'weights8' : context.arithmetic);
  const decisions = new Map<Node, Decision>();
  const candidates = new Map<Node, Workload>();
  for (const node of graph.nodes) {
    // A Gather of anything but a constant table has nothing that could be quantized.
    if (!hasWeights(node) || (node.opType === 'Gather' && !isEmbedding(node, graph))) continue;
    const arithmetic = arithmeticOf(node);
    const decided = decidedByRule(node, arithmetic, context);
    decisions.set(node, decided ?? { node, treatment: arithmetic, reason: null });
    const work = decided ? null : workload(node, graph, context.shapes, arithmetic);
    if (work) candidates.set(node, work);
  }
  if (!context.onlyWhatPays) return settled(decisions, context);
  const paying = nodesThatPay(candidates, cpu);
  for (const [node, work] of candidates) {
    if (paying.has(node)) continue;
    const speed = expectedSpeed(work, cpu).toFixed(2);
    decisions.set(
      node,
      floating(
        node,
        arithmeticOf(node),
        context,
        `Integer arithmetic would be slower: estimated ${speed}x of FP32's speed from a table for this class of CPU.`,
      ),
    );
  }
  return settled(decisions, context);
}
