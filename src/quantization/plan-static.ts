import { GraphEditor } from '../onnx/ir/editor.js';
import type { Graph, Node } from '../onnx/ir/graph.js';
import { numbers } from '../onnx/ir/numbers.js';
import type { Decision, Plan } from './plan.js';

/** Activations that ONNX Runtime fuses into a Gemm before it looks for Q and DQ; a Q between keeps both. */
const FUSED_INTO_GEMM = ['Relu', 'LeakyRelu', 'Sigmoid', 'Tanh', 'Softplus', 'Softsign', 'Elu', 'HardSigmoid'];
/** Operators that only move integers: their result has the scale of their first input. */
const MOVES_INTEGERS = ['MaxPool', 'Reshape', 'Transpose', 'Flatten', 'Squeeze', 'Unsqueeze'];

/** A Relu, or a Clip from 0: values below the bottom of the range become 0 by quantization itself. */
function impliedByRange(node: Node, graph: Graph): boolean {
  if (node.domain !== '') return false;
  if (node.opType === 'Relu') return true;
  const low = graph.initializers.get(node.inputs[1] ?? '');
  const high = node.inputs[2] ?? '';
  const constantHigh = high === '' || graph.initializers.has(high);
  return node.opType === 'Clip' && low !== undefined && numbers(low)[0] === 0 && constantHigh;
}

/** The plan of a graph whose static nodes are decided: which results are quantized, what is absorbed, what shares a scale. */
export class StaticPlanner {
  readonly #index: GraphEditor;
  readonly #decisions: Map<Node, Decision>;
  readonly #results = new Map<Node, string>();
  readonly #absorbed = new Set<Node>();
  readonly #sharedScale = new Map<string, string>();
  /** Values that exist as integers: quantized results, and inputs of static nodes. */
  readonly #integers = new Set<string>();

  constructor(
    readonly graph: Graph,
    decisions: ReadonlyMap<Node, Decision>,
    /** Whether the range of an activation's result begins and ends where it clips what `producer` gives. */
    readonly implied: (activation: Node, producer: Node) => boolean = () => true,
  ) {
    this.#index = new GraphEditor(graph);
    this.#decisions = new Map(decisions);
  }

  /** @param joins whether Add and pooling between integer nodes run in integer too, and which nodes may */
  plan(joins: (node: Node) => boolean): Plan {
    for (const node of this.graph.nodes) {
      if (this.#isStatic(node)) this.#integers.add(node.inputs[0] ?? '');
    }
    for (const node of this.graph.nodes) {
      if (this.#isStatic(node)) this.#quantizeResult(node);
      else if (joins(node)) this.#join(node);
    }
    return {
      graph: this.graph,
      decisions: this.#decisions,
      quantizedResults: this.#results,
      absorbed: this.#absorbed,
      sharedScale: this.#sharedScale,
    };
  }

  #isStatic(node: Node): boolean {
    return this.#decisions.get(node)?.treatment === 'static';
  }

  #impliedByRange(activation: Node, producer: Node): boolean {
    return impliedByRange(activation, this.graph) && this.implied(activation, producer);
  }

  #consumers(value: string): Node[] {
    return this.#index.uses(value).map((use) => use.node);
  }

  /** Marks a node's result as quantized, past the activation that its own range implies. */
  #mark(node: Node, ownRange = true): void {
    let value = node.outputs[0] ?? '';
    const follower = ownRange ? this.#index.soleConsumer(value) : undefined;
    if (follower && follower.inputs[0] === value && this.#impliedByRange(follower, node)) {
      this.#absorbed.add(follower);
      value = follower.outputs[0] ?? '';
    }
    this.#results.set(node, value);
    this.#integers.add(value);
  }

  #quantizeResult(node: Node): void {
    if (node.opType === 'Conv') {
      this.#mark(node);
      return;
    }
    // A product needs no quantized result. It gets one when its reader wants integers, or when ONNX Runtime would fuse an activation first.
    const last = this.#biasAdd(node) ?? node;
    const readers = this.#consumers(last.outputs[0] ?? '');
    if (readers.some((reader) => this.#isStatic(reader) || FUSED_INTO_GEMM.includes(reader.opType))) this.#mark(last);
  }

  /** The Add of a constant that follows a MatMul. */
  #biasAdd(node: Node): Node | undefined {
    if (node.opType !== 'MatMul') return undefined;
    const value = node.outputs[0] ?? '';
    const follower = this.#index.soleConsumer(value);
    const isBias = follower?.inputs.some((input) => input !== value && this.#index.constant(input) !== undefined);
    return follower?.opType === 'Add' && isBias ? follower : undefined;
  }

  /** An Add or a pooling whose inputs are all integers and whose reader wants integers. */
  #join(node: Node): void {
    const value = node.outputs[0] ?? '';
    const readers = this.#consumers(value).flatMap((reader) =>
      this.#impliedByRange(reader, node) ? this.#consumers(reader.outputs[0] ?? '') : [reader],
    );
    if (!readers.some((reader) => this.#isStatic(reader))) return;
    const moves = MOVES_INTEGERS.includes(node.opType) && node.outputs.length === 1;
    const inputs = moves ? node.inputs.slice(0, 1) : node.inputs;
    if (!inputs.every((input) => this.#integers.has(input))) return;
    if (!moves && node.opType !== 'Add' && node.opType !== 'GlobalAveragePool') return;
    this.#decisions.set(node, { node, treatment: 'static', reason: null });
    this.#mark(node, !moves);
    const result = this.#results.get(node) as string;
    const input = inputs[0] as string;
    if (moves) this.#sharedScale.set(result, this.#sharedScale.get(input) ?? input);
  }
}
