import type { Graph, Node } from '../onnx/ir/graph.js';
import { elements } from '../onnx/ir/tensor.js';
import { BLOCK, type BlockOptions, type BlockShape, type BlockWeights, quantizeInBlocks } from './block-weights.js';
import { breathing } from './breathe.js';
import { matrixWeights } from './matrix-weights.js';
import type { Plan } from './plan.js';
import { type StoredShape, storedIndex, storedShape } from './stored-shape.js';
import { type WeightOperand, weightOperands } from './weight-operands.js';

export interface BlockedWeightsOptions {
  readonly weights: BlockOptions;
  readonly signal: AbortSignal;
}

/** A weight as stored in blocks. */
export interface StoredBlocks {
  readonly shape: StoredShape;
  readonly blocks: BlockWeights;
}

/**
 * The weights of a plan that are in few bits, each quantized once: as a product multiplies them (blocks of 32 along K, filled up), and as
 * they are stored for float arithmetic (blocks that divide K).
 */
export class BlockedWeights {
  readonly #multiplied = new Map<string, BlockWeights>();
  readonly #stored = new Map<string, StoredBlocks>();

  constructor(readonly options: BlockedWeightsOptions) {}

  /** @throws RangeError when a weight is not finite; the reason of the signal when it is aborted */
  async quantize({ graph, decisions }: Plan): Promise<void> {
    for (const { node, treatment } of decisions.values()) {
      if (treatment === 'weights4') await this.#multiply(node, graph);
      if (treatment === 'stored4') for (const operand of weightOperands(node, graph)) await this.#store(operand);
    }
  }

  /** The weight of a MatMul or Gemm, by name, as MatMulNBits reads it. */
  multiplied(name: string): BlockWeights {
    const found = this.#multiplied.get(name);
    if (!found) throw new Error(`${name} was not quantized in blocks`);
    return found;
  }

  /** A weight for storage; undefined when it was not quantized for it. */
  stored({ name }: WeightOperand): StoredBlocks | undefined {
    return this.#stored.get(name);
  }

  async #multiply(node: Node, graph: Graph): Promise<void> {
    const { name, k, n, values } = matrixWeights(node, graph);
    if (this.#multiplied.has(name)) return;
    const at = (channel: number, row: number) => values[row * n + channel] as number;
    this.#multiplied.set(name, await this.#inBlocks({ channels: n, k, length: BLOCK }, at));
  }

  async #store(operand: WeightOperand): Promise<void> {
    const shape = storedShape(operand);
    if (!shape || this.#stored.has(operand.name)) return;
    const values = elements(operand.tensor, 'float32');
    const index = storedIndex(shape);
    const at = (channel: number, k: number) => values[index(channel, k)] as number;
    this.#stored.set(operand.name, { shape, blocks: await this.#inBlocks(shape, at) });
  }

  #inBlocks(shape: BlockShape, at: (channel: number, k: number) => number): Promise<BlockWeights> {
    const breathe = breathing(this.options.signal);
    return quantizeInBlocks(shape, at, this.options.weights, () => breathe(shape.k * STEPS_PER_WEIGHT));
  }
}

/** About as many steps the dearest method takes for a weight: three starts of ten rounds. */
const STEPS_PER_WEIGHT = 30;
