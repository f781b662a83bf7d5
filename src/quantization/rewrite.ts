import type { Graph, Model, Node } from '../onnx/ir/graph.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import { emitDynamic } from './emit-dynamic.js';
import { emitRows } from './emit-rows.js';
import { emitStatic } from './emit-static.js';
import { emitWeights4 } from './emit-weights4.js';
import { emitWeights8 } from './emit-weights8.js';
import { freshNames, freshNodeNames } from './names.js';
import type { Plan, Treatment } from './plan.js';
import { type IntegerWeight, quantizeDequantize, type RewriteOptions, type Rewriting } from './rewriting.js';
import { storeTables } from './row-tables.js';
import { storeWeights, withStoredSubgraphs } from './store-weights.js';
import { withoutUnusedConstants } from './unused-constants.js';

/** The domain of ONNX Runtime's own operators. */
const MICROSOFT = 'com.microsoft';

const EMITTERS: Readonly<Record<Treatment, (rewriting: Rewriting, node: Node) => void>> = {
  static: emitStatic,
  dynamic: emitDynamic,
  weights8: emitWeights8,
  weights4: emitWeights4,
  rows: emitRows,
  stored: (rewriting, node) => rewriting.emit(node),
  stored4: (rewriting, node) => rewriting.emit(node),
  stored16: (rewriting, node) => rewriting.emit(node),
  half: (rewriting, node) => rewriting.emit(node),
  float: (rewriting, node) => rewriting.emit(node),
};

const sameBytes = (a: Tensor, b: Tensor) =>
  a.dtype === b.dtype && `${a.dims}` === `${b.dims}` && Buffer.compare(a.bytes, b.bytes) === 0;

/** Renames what a node gives; used to put Q and DQ between a node and the name that everyone else reads. */
const renamed = (node: Node, from: string, to: string): Node =>
  Object.freeze({ ...node, outputs: node.outputs.map((output) => (output === from ? to : output)) });

/**
 * Carries out a plan and gives a new model; the old one is not touched. Values keep their names: the result of a quantized node is
 * found dequantized under the name it always had, so graph outputs and subgraphs need no change.
 */
export function rewrite(
  model: Model,
  plan: Plan,
  options: RewriteOptions,
): { model: Model; integerWeights: IntegerWeight[] } {
  const source = plan.graph;
  const nodes: Node[] = [];
  const constants = new Map(source.initializers);
  const results = new Map<string, string>();
  for (const [producer, value] of plan.quantizedResults) results.set(producer.outputs[0] ?? '', value);
  const rewriting: Rewriting = {
    ...options,
    plan,
    constants,
    integerWeights: [],
    fresh: freshNames(source),
    freshNode: freshNodeNames(source.nodes),
    dequantized: new Map(),
    dynamicallyQuantized: new Map(),
    tables: new Map(),
    emit: (...emitted) => {
      for (const node of emitted) {
        const value = results.get(node.outputs[0] ?? '');
        if (value === undefined) {
          nodes.push(node);
          continue;
        }
        results.delete(node.outputs[0] ?? '');
        const raw = rewriting.fresh(`${value}_float`);
        nodes.push(renamed(node, node.outputs[0] as string, raw));
        const parameters = options.activations.get(plan.sharedScale.get(value) ?? value);
        if (!parameters) throw new Error(`no range was measured for ${value}`);
        rewriting.dequantized.set(value, value);
        quantizeDequantize(rewriting, { from: raw, to: value, hint: value }, parameters);
      }
    },
    constant: (hint, value) => {
      const existing = constants.get(hint);
      if (existing && !source.initializers.has(hint) && sameBytes(existing, value)) return hint;
      const name = rewriting.fresh(hint);
      constants.set(name, value);
      return name;
    },
  };
  for (const node of source.nodes) {
    if (plan.absorbed.has(node)) continue;
    EMITTERS[plan.decisions.get(node)?.treatment ?? 'float'](rewriting, node);
  }
  storeTables(rewriting);
  const graph: Graph = withoutUnusedConstants({ ...source, nodes, initializers: constants });
  storeWeights(graph, plan, options, rewriting.fresh);
  graph.nodes = graph.nodes.map((node) => withStoredSubgraphs(node, options.selected, rewriting.fresh));
  const opsets = new Map(model.opsets);
  if (nodes.some(({ domain }) => domain === MICROSOFT)) opsets.set(MICROSOFT, opsets.get(MICROSOFT) ?? 1);
  return { model: { ...model, graph, opsets }, integerWeights: rewriting.integerWeights };
}
