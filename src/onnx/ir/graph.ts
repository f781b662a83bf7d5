import type { Dimension, ElementType } from '../../contracts/signature.js';
import type { Tensor } from './tensor.js';

/** The type of a value; other kinds than tensors (sequences, optionals, maps) are carried through as encoded bytes. */
export type ValueType =
  | { readonly kind: 'tensor'; readonly dtype: ElementType; readonly shape: readonly Dimension[] | null }
  | { readonly kind: 'opaque'; readonly encoded: Uint8Array };

export interface Value {
  readonly name: string;
  readonly type: ValueType | null;
}

/** An attribute; integers are bigints because INT64_MAX is an ordinary end of a Slice. */
export type Attribute =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'string'; readonly value: Uint8Array }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'graph'; readonly value: Graph }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly bigint[] }
  | { readonly kind: 'strings'; readonly value: readonly Uint8Array[] }
  | { readonly kind: 'tensors'; readonly value: readonly Tensor[] }
  | { readonly kind: 'graphs'; readonly value: readonly Graph[] }
  /** Inside a local function: the value is the caller's attribute of that name. */
  | { readonly kind: 'reference'; readonly value: string; readonly encoded: Uint8Array }
  /** Types, sparse tensors: carried through as encoded bytes. */
  | { readonly kind: 'opaque'; readonly encoded: Uint8Array };

/** One operation. Nodes are values: a pass replaces a node, it never changes one. An absent optional input is ''. */
export interface Node {
  readonly name: string;
  readonly opType: string;
  /** '' is the standard domain. */
  readonly domain: string;
  /** Which of several local functions of one name a call means; absent for operators. */
  readonly overload?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

/** A graph or subgraph: nodes in topological order. Subgraphs see the values of the graphs around them. */
export interface Graph {
  name: string;
  nodes: Node[];
  inputs: Value[];
  outputs: Value[];
  /** Constants by name. A name may also stand in `inputs` (IR versions before 4); then a caller may override it. */
  initializers: Map<string, Tensor>;
  /** Recorded types of intermediate values (value_info). */
  values: Map<string, ValueType>;
}

/** A function local to the model, kept as it is. */
export interface LocalFunction {
  readonly domain: string;
  readonly name: string;
  readonly encoded: Uint8Array;
}

export interface Model {
  irVersion: number;
  producer: string;
  /** Operator set version by domain. */
  opsets: Map<string, number>;
  graph: Graph;
  functions: LocalFunction[];
  metadata: Map<string, string>;
}

type AttributeInput = number | bigint | string | readonly number[] | readonly bigint[] | Attribute;

/** Node attributes from plain values. A number becomes an int when it is whole and is given as bigint or listed in no float attribute: pass `{kind:'float'}` for floats. */
function attribute(value: AttributeInput): Attribute {
  if (typeof value === 'bigint') return { kind: 'int', value };
  if (typeof value === 'number') return { kind: 'int', value: BigInt(value) };
  if (typeof value === 'string') return { kind: 'string', value: new TextEncoder().encode(value) };
  if (Array.isArray(value)) return { kind: 'ints', value: (value as readonly (number | bigint)[]).map(BigInt) };
  return value as Attribute;
}

/** A node of the standard domain unless told otherwise. Whole numbers and lists become integer attributes, strings string attributes. */
export function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  options: {
    readonly name?: string;
    readonly domain?: string;
    readonly attributes?: Readonly<Record<string, AttributeInput>>;
  } = {},
): Node {
  const attributes = new Map(Object.entries(options.attributes ?? {}).map(([key, value]) => [key, attribute(value)]));
  return Object.freeze({ name: options.name ?? '', opType, domain: options.domain ?? '', inputs, outputs, attributes });
}

/** A float attribute. */
export const float = (value: number): Attribute => ({ kind: 'float', value });

/** The whole-number attribute `name`, or `fallback` when it is absent. */
export function intAttribute(node: Node, name: string, fallback: number): number {
  const found = node.attributes.get(name);
  return found?.kind === 'int' ? Number(found.value) : fallback;
}

/** The float attribute `name`, or `fallback` when it is absent. */
export function floatAttribute(node: Node, name: string, fallback: number): number {
  const found = node.attributes.get(name);
  return found?.kind === 'float' ? found.value : fallback;
}

/** The list of whole numbers `name`, or undefined when it is absent. */
export function intsAttribute(node: Node, name: string): number[] | undefined {
  const found = node.attributes.get(name);
  return found?.kind === 'ints' ? found.value.map(Number) : undefined;
}

/** The string attribute `name`, or `fallback` when it is absent. */
export function stringAttribute(node: Node, name: string, fallback: string): string {
  const found = node.attributes.get(name);
  return found?.kind === 'string' ? new TextDecoder().decode(found.value) : fallback;
}

/** The list of numbers `name`, or undefined when it is absent. */
export function floatsAttribute(node: Node, name: string): readonly number[] | undefined {
  const found = node.attributes.get(name);
  return found?.kind === 'floats' ? found.value : undefined;
}

/** The list of strings `name`, or undefined when it is absent. */
export function stringsAttribute(node: Node, name: string): string[] | undefined {
  const found = node.attributes.get(name);
  return found?.kind === 'strings' ? found.value.map((each) => new TextDecoder().decode(each)) : undefined;
}

/** The graphs held by a node's attributes: branches of If, bodies of Loop and Scan. */
export function subgraphs(node: Node): readonly Graph[] {
  const found: Graph[] = [];
  for (const attribute of node.attributes.values()) {
    if (attribute.kind === 'graph') found.push(attribute.value);
    else if (attribute.kind === 'graphs') found.push(...attribute.value);
  }
  return found;
}
