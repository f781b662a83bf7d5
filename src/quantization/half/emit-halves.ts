import { cloneModel } from '../../onnx/ir/clone.js';
import { GraphEditor } from '../../onnx/ir/editor.js';
import { type Graph, type Model, node as makeNode, type Node, type Value } from '../../onnx/ir/graph.js';
import { renameReads } from '../../onnx/ir/rename-reads.js';
import { ELEMENT_CODES } from '../../onnx/serde/element-types.js';
import { freshNames } from '../names.js';
import { withoutUnusedConstants } from '../unused-constants.js';
import { halfConstant } from './half-constants.js';
import { inHalves, isPrecise } from './half-operators.js';

export interface EmitOptions {
  /** Names of the nodes that compute in half precision; names are unique. */
  readonly halves: ReadonlySet<string>;
  readonly isFloat: (value: string) => boolean;
  readonly keepIoTypes: boolean;
  /** Values that must be there in float32, whoever reads them. */
  readonly restored?: readonly string[];
}

/** Float inputs and outputs get another name inside, so that theirs is free for halves. Gives inner names by outer ones. */
function renameInterface(graph: Graph, isFloat: (value: string) => boolean, fresh: (hint: string) => string) {
  const ends = [...graph.inputs, ...graph.outputs].map(({ name }) => name).filter(isFloat);
  const names = new Map([...new Set(ends)].map((name) => [name, fresh(`${name}_float`)]));
  renameReads(graph, names);
  const renamed = (name: string) => names.get(name) ?? name;
  graph.nodes = graph.nodes.map((node) => Object.freeze({ ...node, outputs: node.outputs.map(renamed) }));
  graph.initializers = new Map([...graph.initializers].map(([name, tensor]) => [renamed(name), tensor]));
  graph.values = new Map([...graph.values].map(([name, type]) => [renamed(name), type]));
  return names;
}

const asHalf = (value: Value): Value =>
  value.type?.kind === 'tensor' ? { ...value, type: { ...value.type, dtype: 'float16' } } : value;

/**
 * The model with these nodes computing in halves. A value keeps its name where it is float32; as a half it is `<name>_half`. Both
 * exist only where both are read, and the second is made from the first by one Cast behind the node that makes it.
 */
export function emitHalves(source: Model, options: EmitOptions): Model {
  const model = cloneModel(source);
  const { graph } = model;
  const fresh = freshNames(graph);
  const outer = options.keepIoTypes ? new Map<string, string>() : renameInterface(graph, options.isFloat, fresh);
  const inner = new Map([...outer].map(([name, renamed]) => [renamed, name]));
  const isFloat = (value: string) => options.isFloat(inner.get(value) ?? value);
  const halfNames = new Map(inner);
  const half = (value: string) => {
    const name = halfNames.get(value) ?? fresh(`${value}_half`);
    halfNames.set(value, name);
    return name;
  };
  const editor = new GraphEditor(graph);
  const inHalf = (node: Node) => options.halves.has(node.name);
  const restored = new Set(options.restored);
  const outputs = new Set(graph.outputs.map(({ name }) => outer.get(name) ?? name));

  const readsHalf = (value: string) =>
    editor.uses(value).some(({ node, index, nested }) => !nested && inHalf(node) && isPrecise(node, index)) ||
    (!options.keepIoTypes && outputs.has(value));
  const readsFloat = (value: string) =>
    editor.uses(value).some(({ node, index, nested }) => nested || !inHalf(node) || !isPrecise(node, index)) ||
    (options.keepIoTypes && outputs.has(value)) ||
    restored.has(value);
  const toHalf = (value: string) =>
    makeNode('Cast', [value], [half(value)], {
      name: fresh(`${value}_to_half`),
      attributes: { to: ELEMENT_CODES.float16 },
    });
  const toFloat = (value: string) =>
    makeNode('Cast', [half(value)], [value], {
      name: fresh(`${value}_to_float`),
      attributes: { to: ELEMENT_CODES.float32 },
    });

  const nodes: Node[] = [];
  for (const { name } of graph.inputs) {
    const value = outer.get(name) ?? name;
    if (!isFloat(value)) continue;
    if (options.keepIoTypes ? readsHalf(value) : readsFloat(value))
      nodes.push(options.keepIoTypes ? toHalf(value) : toFloat(value));
  }
  for (const [name, tensor] of [...graph.initializers]) {
    if (tensor.dtype === 'float32' && readsHalf(name)) graph.initializers.set(half(name), halfConstant(tensor));
  }
  for (const node of graph.nodes) {
    const made = node.outputs.filter((value) => value !== '' && isFloat(value));
    if (!inHalf(node)) {
      nodes.push(node, ...made.filter(readsHalf).map(toHalf));
      continue;
    }
    const inputs = node.inputs.map((value, index) => (isFloat(value) && isPrecise(node, index) ? half(value) : value));
    const converted = { ...inHalves(node), inputs, outputs: node.outputs.map((v) => (isFloat(v) ? half(v) : v)) };
    nodes.push(Object.freeze(converted), ...made.filter(readsFloat).map(toFloat));
  }
  graph.nodes = nodes;
  if (!options.keepIoTypes) {
    graph.inputs = graph.inputs.map((input) => (outer.has(input.name) ? asHalf(input) : input));
    graph.outputs = graph.outputs.map((output) => (outer.has(output.name) ? asHalf(output) : output));
  }
  // Types recorded of values that are halves now, or are no more, would be wrong.
  const made = new Set(nodes.flatMap((node) => node.outputs));
  graph.values = new Map([...graph.values].filter(([name]) => made.has(name) && !inner.has(name) && !outer.has(name)));
  return { ...model, graph: withoutUnusedConstants(graph) };
}
