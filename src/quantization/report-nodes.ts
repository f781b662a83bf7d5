import type { NodeReport } from '../contracts/report.js';
import type { Node } from '../onnx/ir/graph.js';
import { type Plan, runsInInteger } from './plan.js';
import type { IntegerWeight } from './rewriting.js';

/** The value by which a node's result is compared: past the activation that its quantized range absorbed. */
export const resultOf = (node: Node, plan: Plan): string => plan.quantizedResults.get(node) ?? node.outputs[0] ?? '';

/** One line for each node that holds weights or runs in integer, in graph order. */
export function reportNodes(
  plan: Plan,
  integerWeights: readonly IntegerWeight[],
  sqnr: ReadonlyMap<string, number | null>,
): NodeReport[] {
  const exact = new Map(integerWeights.map((weight) => [weight.node, weight.exactEverywhere]));
  const decided = plan.graph.nodes.flatMap((node) => plan.decisions.get(node) ?? []);
  return decided.map((decision) => {
    const { node, reason } = decision;
    const integer = runsInInteger(decision);
    return {
      name: node.name,
      op_type: node.opType,
      integer,
      ...(reason !== null && { reason }),
      sqnr_db: sqnr.get(resultOf(node, plan)) ?? null,
      exact_everywhere: integer ? (exact.get(node.name) ?? true) : null,
    };
  });
}
