import type { Samples } from '../../datasets/samples.js';
import { capturedValues } from '../../onnx/ir/captured-values.js';
import { cloneModel } from '../../onnx/ir/clone.js';
import type { Graph, Model } from '../../onnx/ir/graph.js';
import type { Tensor } from '../../onnx/ir/tensor.js';
import type { Feeds } from '../../runtime/session.js';
import { bytesPerSample, withTaps } from './tapped-model.js';

/** Bytes of values that are kept of all samples. */
const KEPT_BYTES = 128 * 2 ** 20;

/** Gives values of one batch, in the order in which they were asked for. */
export type ReadBatch = (batch: number) => Promise<Tensor[]>;

/** Samples in batches of one size, and what is known of the model's values. */
export interface FrontSource {
  readonly samples: Pick<Samples, 'feeds'>;
  readonly batches: readonly (readonly number[])[];
  /** Of values of the main graph, for a few samples; those of the model may be smaller. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly threads: number;
  readonly signal: AbortSignal;
}

/**
 * Values of samples on their way through a model whose layers are visited in order: what later nodes still read of earlier ones is
 * kept where memory allows, so that a layer does not cost a run of everything before it. Nodes that were passed must not change.
 */
export class ModelFront {
  /** How many nodes lie behind what is kept; null as long as that is the samples themselves. */
  #passed = 0;
  #kept: readonly Feeds[] | null = null;

  constructor(
    private readonly model: Model,
    private readonly source: FrontSource,
  ) {}

  /** Opens what is needed to read these values, given that all nodes before `place` are as they will stay. */
  async read<Result>(
    place: number,
    names: readonly string[],
    use: (read: ReadBatch) => Promise<Result>,
  ): Promise<Result> {
    await this.#advance(place);
    return this.#withValues(names, use);
  }

  async #advance(place: number): Promise<void> {
    const { shapes, batches } = this.source;
    const names = place > this.#passed ? valuesAcross(this.model.graph, place) : [];
    const count = batches.reduce((sum, batch) => sum + batch.length, 0);
    const fits = names.every((name) => shapes.has(name)) && count * bytesPerSample(names, shapes) <= KEPT_BYTES;
    if (names.length === 0 || !fits) return;
    this.#kept = await this.#withValues(names, async (read) => {
      const kept: Feeds[] = [];
      for (const batch of batches.keys()) {
        const values = await read(batch);
        kept.push(new Map(names.map((name, i) => [name, values[i] as Tensor])));
      }
      return kept;
    });
    this.#passed = place;
  }

  async #withValues<Result>(names: readonly string[], use: (read: ReadBatch) => Promise<Result>): Promise<Result> {
    const { samples, batches, threads, signal } = this.source;
    const feedsOf = async (batch: number): Promise<Feeds> => {
      signal.throwIfAborted();
      return this.#kept?.[batch] ?? (await samples.feeds(batches[batch] ?? []));
    };
    const known = this.#kept?.[0];
    const part = known ? partFrom(this.model, this.#passed, known) : this.model;
    const fed = new Set(part.graph.inputs.map(({ name }) => name));
    const made = [...new Set(names.filter((name) => !fed.has(name)))];
    const pick = (feeds: Feeds, found: Feeds) =>
      names.map((name) => {
        const value = found.get(name) ?? feeds.get(name);
        if (!value) throw new Error(`the model did not give ${name}`);
        return value;
      });
    if (made.length === 0)
      return use(async (batch) => {
        const feeds = await feedsOf(batch);
        return pick(feeds, feeds);
      });
    return withTaps(part, made, threads, (session) =>
      use(async (batch) => {
        const feeds = await feedsOf(batch);
        const needed = new Map([...feeds].filter(([name]) => session.inputs.some((input) => input.name === name)));
        return pick(feeds, await session.run(needed, made));
      }),
    );
  }
}

/** What nodes from `place` on read of the inputs and of the nodes before. */
function valuesAcross({ inputs, nodes }: Graph, place: number): string[] {
  const before = new Set([
    ...inputs.map(({ name }) => name),
    ...nodes.slice(0, place).flatMap(({ outputs }) => outputs.filter((name) => name !== '')),
  ]);
  const read = new Set(nodes.slice(place).flatMap((node) => [...node.inputs, ...capturedValues(node)]));
  return [...before].filter((name) => read.has(name));
}

/** The model from a node on, fed with what was computed before. */
function partFrom(model: Model, passed: number, values: Feeds): Model {
  const part = cloneModel(model);
  part.graph.nodes = part.graph.nodes.slice(passed);
  part.graph.inputs = [...values].map(([name, { dtype, dims }]) => ({
    name,
    type: { kind: 'tensor', dtype, shape: dims },
  }));
  return part;
}
