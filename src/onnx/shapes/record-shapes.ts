import type { ElementType } from '../../contracts/signature.js';
import { cloneModel } from '../ir/clone.js';
import type { Model } from '../ir/graph.js';
import type { Tensor } from '../ir/tensor.js';
import { makesTensors } from '../ir/tensor-operators.js';

/** Runs a model on inputs that the caller has chosen and gives the wanted outputs. */
export type RunModel = (model: Model, fetches: readonly string[]) => Promise<ReadonlyMap<string, Tensor>>;

export interface RecordedShape {
  readonly dtype: ElementType;
  readonly dims: readonly number[];
}

/**
 * Type and shape of every input, constant and value of the main graph, as one run has them: all values are made outputs and read out.
 * Values inside subgraphs, and values that are no tensors (sequences, optionals), are not recorded.
 * @param run runs the given model once (ONNX Runtime, with some sample as input)
 * @param inputs what `run` feeds, to record it too
 */
export async function recordShapes(
  model: Model,
  run: RunModel,
  inputs: ReadonlyMap<string, Tensor> = new Map(),
): Promise<Map<string, RecordedShape>> {
  const exposed = cloneModel(model);
  const { graph } = exposed;
  const already = new Set(graph.outputs.map(({ name }) => name));
  const opaque = (name: string) => graph.values.get(name)?.kind === 'opaque';
  const hidden = graph.nodes
    .filter(makesTensors)
    .flatMap(({ outputs }) => outputs.filter((name) => name !== '' && !already.has(name) && !opaque(name)));
  graph.outputs.push(...hidden.map((name) => ({ name, type: null })));
  const tensors = graph.outputs.filter(({ type }) => type?.kind !== 'opaque').map(({ name }) => name);
  const values = await run(exposed, tensors);
  return new Map(
    [...graph.initializers, ...inputs, ...values].map(([name, { dtype, dims }]) => [name, { dtype, dims: [...dims] }]),
  );
}
