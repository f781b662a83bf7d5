import type { Node } from '../onnx/ir/graph.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import { unmetCondition } from './conditions.js';
import type { GradientRule } from './rule.js';
import { GRADIENT_RULES } from './rules/index.js';

/** The gradient rule of a node, or why there is none. */
export function ruleFor(
  node: Node,
  constants: ReadonlyMap<string, Tensor>,
): { readonly rule: GradientRule } | { readonly refused: string } {
  const standard = node.domain === '' && Object.hasOwn(GRADIENT_RULES, node.opType);
  const rule = standard ? GRADIENT_RULES[node.opType] : undefined;
  if (!rule) return { refused: `The operator ${node.domain && `${node.domain}.`}${node.opType} has no gradient.` };
  const unmet = unmetCondition(node, constants);
  return unmet === undefined ? { rule } : { refused: `The operator ${node.opType} has a gradient ${unmet}.` };
}
