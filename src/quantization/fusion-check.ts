import type { Model } from '../onnx/ir/graph.js';
import { executedGraph } from '../runtime/executed-graph.js';
import { fusionCertificate } from '../runtime/fusion-certificate.js';
import { withModelFile } from './model-session.js';
import { type Plan, runsInInteger } from './plan.js';

/** What ONNX Runtime makes of a rewritten model. */
export interface Fusion {
  /** The integer kernel that does a node's work, by its name. */
  readonly kernels: ReadonlyMap<string, string>;
  /** QuantizeLinear and DequantizeLinear nodes that are executed as such, where integer meets float. */
  readonly quantizeLinear: number;
  readonly dequantizeLinear: number;
  /** The nodes that were to run in integer but do not, each with the reason. */
  readonly unfused: ReadonlyMap<string, string>;
}

/** An operator that only moves integers runs on them when it does not read dequantized floats. */
const MOVED = 'on integers as it is';

/**
 * Looks at the graph that ONNX Runtime executes. Weighted nodes and Add must have become integer kernels; an operator that only moves
 * integers must not read dequantized floats.
 */
export async function checkFusion(model: Model, plan: Plan, scratch: string): Promise<Fusion> {
  const wanted = [...plan.decisions.values()].filter(runsInInteger);
  if (wanted.length === 0) return { kernels: new Map(), quantizeLinear: 0, dequantizeLinear: 0, unfused: new Map() };
  const executed = await withModelFile(model, scratch, ({ path, external }) => executedGraph(path, scratch, external));
  const { kernels: found, quantizeLinear, dequantizeLinear } = fusionCertificate(model, executed);
  const kernels = new Map([...found].map(([node, kernel]) => [node.name, kernel]));
  const dequantized = new Set(
    executed.graph.nodes.filter((node) => node.opType === 'DequantizeLinear').flatMap((node) => node.outputs),
  );
  const movesIntegers = (name: string) =>
    executed.graph.nodes.some((node) => node.name === name && !dequantized.has(node.inputs[0] ?? ''));
  const unfused = new Map<string, string>();
  for (const { node } of wanted) {
    if (kernels.has(node.name)) continue;
    if (plan.sharedScale.has(node.outputs[0] ?? '') && movesIntegers(node.name)) kernels.set(node.name, MOVED);
    else unfused.set(node.name, 'ONNX Runtime does not turn it into an integer kernel here.');
  }
  return { kernels, quantizeLinear, dequantizeLinear, unfused };
}
