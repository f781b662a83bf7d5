import type { ElementType } from '../../contracts/signature.js';
import { ServiceError } from '../../platform/errors.js';
import { cloneModel } from '../ir/clone.js';
import { type Graph, type Model, type Node, subgraphs, type ValueType } from '../ir/graph.js';
import { graphsOf } from '../ir/visit-graphs.js';
import type { AdapterContext } from './adapter.js';
import { CHANGES, NEWEST_TARGET, OLDEST_OPSET } from './changes.js';

/** The IR version that each operator set came with; ONNX Runtime refuses a newer set in an older IR. */
const IR_VERSIONS: readonly (readonly [opset: number, irVersion: number])[] = [
  [21, 10],
  [19, 9],
  [15, 8],
  [13, 7],
];

/** Types of all values that the model records, and all names in use. */
function indexOf(model: Model): { types: Map<string, ValueType>; names: Set<string>; used: Set<string> } {
  const types = new Map<string, ValueType>();
  const names = new Set<string>();
  const used = new Set<string>();
  for (const graph of graphsOf(model.graph)) {
    for (const [name, type] of graph.values) types.set(name, type);
    for (const { name, type } of [...graph.inputs, ...graph.outputs]) if (type) types.set(name, type);
    for (const { name } of graph.outputs) used.add(name);
    for (const name of [...graph.initializers.keys(), ...graph.inputs.map((input) => input.name)]) names.add(name);
    for (const node of graph.nodes) {
      for (const output of node.outputs) names.add(output);
      for (const input of node.inputs) used.add(input);
    }
  }
  return { types, names, used };
}

function contextFor(scopes: readonly Graph[], index: ReturnType<typeof indexOf>): AdapterContext {
  const graph = scopes.at(-1) as Graph;
  const freshName = (hint: string): string => {
    let name = hint;
    for (let i = 1; index.names.has(name); i++) name = `${hint}_${i}`;
    index.names.add(name);
    return name;
  };
  const constant = (value: string) =>
    scopes.findLast((scope) => scope.initializers.has(value))?.initializers.get(value);
  const typeOf = (value: string) => {
    const type = index.types.get(value);
    return type?.kind === 'tensor' ? type : undefined;
  };
  return {
    freshName,
    constant,
    rank: (value) => constant(value)?.dims.length ?? typeOf(value)?.shape?.length,
    dtype: (value): ElementType | undefined => constant(value)?.dtype ?? typeOf(value)?.dtype,
    used: (value) => index.used.has(value),
    addConstant: (hint, tensor) => {
      const name = freshName(hint);
      graph.initializers.set(name, tensor);
      return name;
    },
  };
}

function raiseGraph(scopes: readonly Graph[], version: number, index: ReturnType<typeof indexOf>): number {
  const graph = scopes.at(-1) as Graph;
  const context = contextFor(scopes, index);
  let changes = 0;
  graph.nodes = graph.nodes.flatMap((node): Node[] => {
    for (const inner of subgraphs(node)) changes += raiseGraph([...scopes, inner], version, index);
    const adapter = node.domain === '' ? CHANGES[version]?.[node.opType] : undefined;
    if (!adapter) return [node];
    changes++;
    return adapter(node, context);
  });
  return changes;
}

/**
 * The same model in a newer operator set of the standard domain, subgraphs included; a model that is new enough is returned as it is.
 * Constants should be initializers (not Constant nodes) before.
 * @param target 7 to 21
 * @returns the model and how many nodes were rewritten
 * @throws ServiceError unsupported_opset, naming the node that has no equal in the newer set
 */
export function raiseOpset(model: Model, target: number): { model: Model; changes: number } {
  const current = model.opsets.get('') ?? target;
  if (current >= target) return { model, changes: 0 };
  if (current < OLDEST_OPSET || target > NEWEST_TARGET) {
    throw new ServiceError('unsupported_opset', `operator set ${current} cannot be raised to ${target}`, {
      hint: `Operator sets ${OLDEST_OPSET} to ${NEWEST_TARGET} are known.`,
    });
  }
  if (model.functions.length > 0) {
    throw new ServiceError('unsupported_opset', `operator set ${current} has local functions, which cannot be raised`);
  }
  const raised = cloneModel(model);
  const index = indexOf(raised);
  let changes = 0;
  for (let version = current + 1; version <= target; version++) changes += raiseGraph([raised.graph], version, index);
  raised.opsets.set('', target);
  const needed = IR_VERSIONS.find(([opset]) => target >= opset)?.[1] ?? 3;
  raised.irVersion = Math.max(raised.irVersion, needed);
  return { model: raised, changes };
}
