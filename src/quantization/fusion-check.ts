import type { Model } from '../onnx/ir/graph.js';
import { executedGraph } from '../runtime/executed-graph.js';
import { fusionCertificate } from '../runtime/fusion-certificate.js';
import { withModelFile } from './model-session.js';
import { type Plan, runsInInteger } from './plan.js';

/**
 * The nodes that were to run in integer but do not in the graph that ONNX Runtime executes, each with the reason. Weighted nodes and
 * Add must have become integer kernels; an operator that only moves integers must not read dequantized floats.
 */
export async function unfusedNodes(model: Model, plan: Plan, scratch: string): Promise<Map<string, string>> {
  const wanted = [...plan.decisions.values()].filter(runsInInteger);
  if (wanted.length === 0) return new Map();
  const executed = await withModelFile(model, scratch, ({ path, external }) => executedGraph(path, scratch, external));
  const kernels = new Set([...fusionCertificate(model, executed).kernels.keys()].map((node) => node.name));
  const dequantized = new Set(
    executed.graph.nodes.filter((node) => node.opType === 'DequantizeLinear').flatMap((node) => node.outputs),
  );
  const movesIntegers = (name: string) =>
    executed.graph.nodes.some((node) => node.name === name && !dequantized.has(node.inputs[0] ?? ''));
  return new Map(
    wanted.flatMap(({ node }): [string, string][] =>
      kernels.has(node.name) || (plan.sharedScale.has(node.outputs[0] ?? '') && movesIntegers(node.name))
        ? []
        : [[node.name, 'ONNX Runtime does not turn it into an integer kernel here.']],
    ),
  );
}
