import { capturedValues } from './captured-values.js';
import { namesBeside } from './fresh-names.js';
import type { Graph, Node } from './graph.js';
import type { Tensor } from './tensor.js';

/** One place where a value is read: input `index` of `node`; `node` holds the reading subgraph when `nested`. */
export interface Use {
  readonly node: Node;
  readonly index: number;
  /** Read from inside a subgraph of `node`; such a use cannot be redirected by editing `node.inputs`. */
  readonly nested: boolean;
}

/**
 * Edits one graph and keeps its use-def index true: who makes a value, who reads it. Node order is kept topological by inserting
 * replacements where the replaced node stood.
 */
export class GraphEditor {
  readonly #producers = new Map<string, Node>();
  /** By value; a constant may have very many readers, so that one of them must be removed without looking at the others. */
  readonly #uses = new Map<string, Set<Use>>();
  readonly #usesOf = new Map<Node, [value: string, use: Use][]>();
  readonly #names = new Set<string>();
  readonly #fresh = namesBeside(this.#names);
  readonly #outputs: Set<string>;

  constructor(readonly graph: Graph) {
    this.#outputs = new Set(graph.outputs.map((output) => output.name));
    for (const name of [...graph.initializers.keys(), ...graph.inputs.map((input) => input.name)])
      this.#names.add(name);
    for (const node of graph.nodes) this.#index(node);
  }

  /** The node that makes `value`; undefined for inputs, initializers and outer values. */
  producer(value: string): Node | undefined {
    return this.#producers.get(value);
  }

  /** All reads of `value` by nodes of this graph; being a graph output is not a use. */
  uses(value: string): readonly Use[] {
    return [...(this.#uses.get(value) ?? [])];
  }

  /** How many reads of `value` there are. */
  useCount(value: string): number {
    return this.#uses.get(value)?.size ?? 0;
  }

  isOutput(value: string): boolean {
    return this.#outputs.has(value);
  }

  /** The only direct reader of `value`, when nothing else (nor a graph output or subgraph) sees it. */
  soleConsumer(value: string): Node | undefined {
    const uses = this.#uses.get(value);
    if (uses?.size !== 1 || this.isOutput(value)) return undefined;
    const [use] = uses;
    return use?.nested ? undefined : use?.node;
  }

  /** The constant behind a name: an initializer that no caller can override. */
  constant(value: string): Tensor | undefined {
    const tensor = this.graph.initializers.get(value);
    return tensor && !this.graph.inputs.some((input) => input.name === value) ? tensor : undefined;
  }

  /** A name that nothing in the graph has yet. */
  freshName(hint: string): string {
    return this.#fresh(hint);
  }

  /** Adds a constant under a fresh name, which it returns. */
  addConstant(hint: string, tensor: Tensor): string {
    const name = this.freshName(hint);
    this.graph.initializers.set(name, tensor);
    return name;
  }

  /** Takes out those of the values that are constants nothing reads any more. */
  dropUnread(values: readonly string[]): void {
    for (const value of values)
      if (this.useCount(value) === 0 && !this.isOutput(value) && this.constant(value))
        this.graph.initializers.delete(value);
  }

  /** Puts `replacements` where `old` stood. Outputs of `old` that nobody makes any more must have no uses left. */
  replace(old: Node, ...replacements: readonly Node[]): void {
    const at = this.graph.nodes.indexOf(old);
    if (at < 0) throw new Error(`node ${old.name || old.opType} is not in the graph`);
    this.graph.nodes.splice(at, 1, ...replacements);
    this.#unindex(old);
    for (const node of replacements) this.#index(node);
  }

  remove(node: Node): void {
    this.replace(node);
  }

  insertBefore(anchor: Node, ...nodes: readonly Node[]): void {
    this.replace(anchor, ...nodes, anchor);
  }

  insertAfter(anchor: Node, ...nodes: readonly Node[]): void {
    this.replace(anchor, anchor, ...nodes);
  }

  /** Adds nodes at the front of the graph (they may read inputs and initializers only). */
  prepend(...nodes: readonly Node[]): void {
    this.graph.nodes.unshift(...nodes);
    for (const node of nodes) this.#index(node);
  }

  /** Lets every direct reader of `from` read `to` instead; false, with nothing changed, when a subgraph or graph output reads it. */
  redirect(from: string, to: string): boolean {
    if (this.isOutput(from) || this.uses(from).some((use) => use.nested)) return false;
    for (const reader of new Set(this.uses(from).map((use) => use.node))) {
      this.replace(reader, { ...reader, inputs: reader.inputs.map((input) => (input === from ? to : input)) });
    }
    return true;
  }

  #index(node: Node): void {
    const own: [string, Use][] = [];
    this.#usesOf.set(node, own);
    const add = (value: string, use: Use) => {
      own.push([value, use]);
      const known = this.#uses.get(value);
      if (known) known.add(use);
      else this.#uses.set(value, new Set([use]));
    };
    node.inputs.forEach((value, index) => {
      if (value !== '') add(value, { node, index, nested: false });
    });
    for (const value of capturedValues(node)) add(value, { node, index: -1, nested: true });
    for (const output of node.outputs) {
      if (output === '') continue;
      this.#producers.set(output, node);
      this.#names.add(output);
    }
  }

  #unindex(node: Node): void {
    for (const [value, use] of this.#usesOf.get(node) ?? []) this.#uses.get(value)?.delete(use);
    this.#usesOf.delete(node);
    for (const output of node.outputs) if (this.#producers.get(output) === node) this.#producers.delete(output);
  }
}
