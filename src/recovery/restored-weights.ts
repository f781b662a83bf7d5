import { dependents } from '../autodiff/dependents.js';
import type { Graph, Model, Node } from '../onnx/ir/graph.js';
import { elementCount, elements, type Tensor } from '../onnx/ir/tensor.js';
import { encodeModel } from '../onnx/serde/encode-model.js';
import { type RecordedShape, recordShapes } from '../onnx/shapes/record-shapes.js';
import { withSession } from '../runtime/session.js';
import { constantValues } from './constant-values.js';

/** A weight that a training graph restores from one latent, beside the float weight that was quantized. */
export interface RestoredWeight {
  readonly latent: string;
  /** The restored weight, and its shape. */
  readonly value: string;
  readonly dims: readonly number[];
  /** The float weight in that shape. */
  readonly float: Float32Array;
}

/** The nodes of a training graph that restore weights, as a model without inputs. */
export interface Restoring {
  readonly model: Model;
  readonly shapes: ReadonlyMap<string, RecordedShape>;
  readonly weights: readonly RestoredWeight[];
}

/** The value that a node multiplies by, of those that depend on the latent. */
function restoredFrom(latent: string, restoring: readonly Node[], readers: readonly Node[]) {
  const values = dependents(restoring, [latent]);
  for (const { name, inputs } of readers) {
    const index = inputs.findIndex((input) => input !== latent && values.has(input));
    if (index >= 0) return [{ latent, value: inputs[index] as string, reader: name, index }];
  }
  return [];
}

/** A float weight in the shape in which the training graph restores it: as it is, or transposed. */
function arranged(weight: Tensor | undefined, dims: readonly number[]): Float32Array | undefined {
  if (weight?.dtype !== 'float32' || elementCount(weight.dims) !== elementCount(dims)) return undefined;
  const values = elements(weight, 'float32');
  if (`${weight.dims}` === `${dims}`) return values;
  const [rows = 1, columns = 1] = dims;
  if (dims.length !== 2 || `${weight.dims.toReversed()}` !== `${dims}`) return undefined;
  return values.map((_, i) => values[(i % columns) * rows + Math.floor(i / columns)] as number);
}

/** Finds the float weight of each latent: the one that the node of the same name multiplies by in the float model. */
export async function restoredWeights(training: Model, latents: readonly string[], float: Graph): Promise<Restoring> {
  const constants = constantValues(training.graph);
  const isRestoring = ({ inputs }: Node) => inputs.every((input) => constants.has(input));
  const nodes = training.graph.nodes.filter(isRestoring);
  const readers = training.graph.nodes.filter((node) => !isRestoring(node));
  const found = latents.flatMap((latent) => restoredFrom(latent, nodes, readers));
  const outputs = found.map(({ value }) => ({ name: value, type: null }));
  const initializers = new Map(training.graph.initializers);
  const graph: Graph = { name: 'restoring', nodes, inputs: [], outputs, initializers, values: new Map() };
  const model = { ...training, graph };
  if (found.length === 0) return { model, shapes: new Map(), weights: [] };
  const shapes = await recordShapes(model, (exposed, fetches) =>
    withSession(encodeModel(exposed), { threads: 1, optimization: 'disabled' }, (session) =>
      session.run(new Map(), fetches),
    ),
  );
  const floatNodes = new Map(float.nodes.map((node) => [node.name, node]));
  const weights = found.flatMap(({ latent, value, reader, index }) => {
    const dims = shapes.get(value)?.dims ?? [];
    const weight = arranged(float.initializers.get(floatNodes.get(reader)?.inputs[index] ?? ''), dims);
    return weight ? [{ latent, value, dims, float: weight }] : [];
  });
  return { model, shapes, weights };
}
