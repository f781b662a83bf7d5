import { backward } from '../autodiff/backward.js';
import type { Model } from '../onnx/ir/graph.js';
import { elements, floats, type Tensor } from '../onnx/ir/tensor.js';
import { encodeModel } from '../onnx/serde/encode-model.js';
import { withSession } from '../runtime/session.js';
import { type RestoredWeight, type Restoring, restoredWeights } from './restored-weights.js';

/**
 * As near to the next integer as a latent may begin: rounded, it is still the integer that is stored. A weight that lies farther away was
 * not rounded to the nearest integer, and for a reason (GPTQ's later weights make up for it): it begins on its integer. At the edge, the
 * first steps would undo the choice.
 */
const MOST_OFFSET = 0.49;
/** A weight rounded to nearest is no farther from its integer than this, but for arithmetic in float32. */
const HALF_A_STEP = 0.505;
/** Half of a layer's weights lie closer to their integers than this, unless they were changed before they were rounded. */
const MOST_MEDIAN = 0.6;

/**
 * Lets latents begin where the float weights were, as far as that is within the step of the stored integer: the model is the same to
 * begin with, and weights in the middle between two integers are the first to change. Begun on the integers themselves, all would come to
 * the next ones at the same time.
 * @param training the training graph; the latents among its constants are set
 * @param float the model that was quantized, whose nodes have the same names
 */
export async function startFromFloat(training: Model, latents: readonly string[], float: Model): Promise<void> {
  const restoring = await restoredWeights(training, latents, float.graph);
  if (restoring.weights.length === 0) return;
  const { initializers } = training.graph;
  for (const [latent, offsets] of await offsetsOf(restoring)) {
    const start = initializers.get(latent);
    if (!start || median(offsets.map(Math.abs)) > MOST_MEDIAN) continue;
    const moved = elements(start, 'float32').map((integer, i) => integer + startingOffset(offsets[i] as number));
    initializers.set(latent, floats(moved, start.dims));
  }
}

const startingOffset = (offset: number): number =>
  Math.abs(offset) > HALF_A_STEP ? 0 : Math.min(MOST_OFFSET, Math.max(-MOST_OFFSET, offset));

const median = (values: Float32Array): number => values.toSorted()[values.length >> 1] ?? 0;

/**
 * (W − Ŵ) / s of each latent u, with Ŵ = s · (u − z) the restored weight and W the float one. A gradient brings s and W − Ŵ to the order of
 * the latents, whatever the restoring nodes do: that of Σ c·Ŵ by u is s · c, taken with c = 1 and with c = W − Ŵ.
 */
async function offsetsOf({ model, shapes, weights }: Restoring): Promise<Map<string, Float32Array>> {
  const { graph } = model;
  const seedOf = ({ latent }: RestoredWeight) => `${latent}/seed`;
  const seeds = weights.map((weight) => [seedOf(weight), { dtype: 'float32', dims: weight.dims }] as const);
  const gradients = backward(graph, {
    values: new Map([...shapes, ...seeds]),
    seeds: new Map(weights.map((weight) => [weight.value, seedOf(weight)])),
    wanted: weights.map(({ latent }) => latent),
  });
  graph.inputs = seeds.map(([name, { dims }]) => ({ name, type: { kind: 'tensor', dtype: 'float32', shape: dims } }));
  const outputs = [...weights.map(({ value }) => value), ...gradients.values()];
  graph.outputs = outputs.map((name) => ({ name, type: null }));
  return withSession(encodeModel(model), { threads: 1, optimization: 'basic' }, async (session) => {
    const seeded = async (factors: (weight: RestoredWeight) => Float32Array) => {
      const feeds = weights.map((weight): [string, Tensor] => [seedOf(weight), floats(factors(weight), weight.dims)]);
      const results = await session.run(new Map(feeds), outputs);
      return (name: string | undefined) => {
        const found = results.get(name ?? '');
        if (!found) throw new Error(`the restoring graph gave no ${name}`);
        return elements(found, 'float32');
      };
    };
    const slopes = await seeded(({ float }) => new Float32Array(float.length).fill(1));
    const products = await seeded(({ value, float }) => {
      const restored = slopes(value);
      return float.map((weight, i) => weight - (restored[i] as number));
    });
    return new Map(
      weights.map(({ latent }) => {
        const [slope, product] = [slopes, products].map((read) => read(gradients.get(latent)));
        const offset = (each: number, i: number) => (each === 0 ? 0 : (product?.[i] as number) / each ** 2);
        return [latent, (slope ?? new Float32Array()).map(offset)];
      }),
    );
  });
}
