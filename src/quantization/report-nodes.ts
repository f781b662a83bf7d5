import type { NodeReport } from '../contracts/report.js';
import type { Node } from '../onnx/ir/graph.js';
import { isExact } from '../onnx/saturation.js';
import type { Fusion } from './fusion-check.js';
import { type Plan, runsInInteger } from './plan.js';
import type { IntegerWeight } from './rewriting.js';

/** The value by which a node's result is compared: past the activation that its quantized range absorbed. */
export const resultOf = (node: Node, plan: Plan): string => plan.quantizedResults.get(node) ?? node.outputs[0] ?? '';

/** Whether no pair of weights of an integer node can saturate on any CPU. */
export const exactEverywhere = ({ largestPair }: IntegerWeight): boolean =>
  largestPair === null || isExact(largestPair);

export interface ReportedPlan {
  readonly plan: Plan;
  readonly integerWeights: readonly IntegerWeight[];
  /** What became of the integer nodes; none were looked at when there is none. */
  readonly fusion?: Fusion;
}

/** One line for each node that holds weights or runs in integer, in graph order. */
export function reportNodes(
  { plan, integerWeights, fusion }: ReportedPlan,
  sqnr: ReadonlyMap<string, number | null>,
): NodeReport[] {
  const weights = new Map(integerWeights.map((weight) => [weight.node, weight]));
  const decided = plan.graph.nodes.flatMap((node) => plan.decisions.get(node) ?? []);
  return decided.map((decision) => {
    const { node } = decision;
    const unfused = fusion?.unfused.get(node.name);
    const integer = runsInInteger(decision) && unfused === undefined;
    const reason = unfused ?? decision.reason;
    const kernel = fusion?.kernels.get(node.name);
    const weight = weights.get(node.name);
    return {
      name: node.name,
      op_type: node.opType,
      integer,
      ...(integer && kernel !== undefined && { kernel }),
      ...(reason !== null && { reason }),
      sqnr_db: sqnr.get(resultOf(node, plan)) ?? null,
      exact_everywhere: integer ? !weight || exactEverywhere(weight) : null,
      ...(integer && weight && weight.largestPair !== null && { largest_pair: weight.largestPair }),
    };
  });
}
