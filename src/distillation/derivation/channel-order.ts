import type { AxisUnits } from '../../channels/axis-units.js';
import type { ChannelGroup } from '../../channels/channel-groups.js';
import { type ReadingPlace, readingPlaces } from '../../channels/reading-places.js';
import { type ChannelOrder, type Covariance, selectChannels } from '../../channels/select-channels.js';
import type { Samples } from '../../datasets/samples.js';
import type { Model } from '../../onnx/ir/graph.js';
import { elementCount, elements, type Tensor } from '../../onnx/ir/tensor.js';
import { derivedSeed, seededRandom } from '../../platform/random.js';
import type { Session } from '../../runtime/session.js';
import { addRows, emptyEquations } from './normal-equations.js';
import { tappedBatch, withTaps } from './tapped-model.js';

/** Samples, and positions of each, on which channels are compared. */
const COMPARED_SAMPLES = 256;
const POSITIONS = 16;
/** Groups wider than this are ordered by their weights: choosing one after the other takes C³ steps. */
const MOST_CHANNELS = 1024;

export interface OrderOptions {
  readonly samples: Samples;
  readonly indices: readonly number[];
  readonly threads: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/**
 * Orders the channels of a group by how much of all of them the first ones explain where layers read them, on unlabelled samples;
 * null when that cannot be seen, as for attention heads.
 */
export async function channelOrder(
  model: Model,
  units: AxisUnits,
  group: ChannelGroup,
  gram: Session,
  options: OrderOptions,
): Promise<ChannelOrder | null> {
  const places = readingPlaces(model.graph, units, group);
  if (places.length === 0 || group.free.length === 0 || group.size > MOST_CHANNELS) return null;
  const covariances = await covariancesAt(model, places, units.shapes, gram, options);
  const fixed = group.units.flatMap((unit, channel) => (group.free.includes(unit) ? [] : [channel]));
  return selectChannels(group.size, covariances, fixed);
}

/** What the channels are at these places on samples, as covariances weighed by how much the layers make of each. */
async function covariancesAt(
  model: Model,
  places: readonly ReadingPlace[],
  shapes: ReadonlyMap<string, readonly number[]>,
  gram: Session,
  { samples, indices, threads, seed, signal }: OrderOptions,
): Promise<Covariance[]> {
  const values = places.map(({ value }) => value);
  const size = Math.min(tappedBatch(values, shapes, samples), indices.length);
  const used = indices.slice(0, Math.max(size, COMPARED_SAMPLES));
  const sums = places.map(({ positions }) => emptyEquations(1, positions.length, 1));
  const counts = places.map(() => 0);
  const random = seededRandom(derivedSeed(seed, 'channels', ...values));
  await withTaps(model, values, threads, async (session) => {
    for (let start = 0; start + size <= used.length; start += size) {
      signal.throwIfAborted();
      const found = await session.run(await samples.feeds(used.slice(start, start + size)), values);
      for (const [i, place] of places.entries()) {
        const x = rowsAt(found.get(place.value), place, random);
        const rows = x.length / place.positions.length;
        await addRows(gram, sums[i] ?? emptyEquations(1, 0, 1), { rows, x, y: new Float64Array(rows).fill(1) });
        counts[i] = (counts[i] ?? 0) + rows;
      }
    }
  });
  return places.map(({ weights }, i) => {
    const { g, b, p } = sums[i] ?? emptyEquations(1, 0, 1);
    const count = counts[i] || 1;
    return g.map((sum, at) => {
      const [row, column] = [Math.floor(at / p), at % p];
      const covariance = sum / count - ((b[row] ?? 0) / count) * ((b[column] ?? 0) / count);
      return covariance * (weights[row] ?? 1) * (weights[column] ?? 1);
    });
  });
}

/** Some positions of each sample, drawn by chance: [rows, channels]. */
function rowsAt(
  tensor: Tensor | undefined,
  { axis, positions }: ReadingPlace,
  random: () => number,
): Float64Array<ArrayBuffer> {
  if (tensor === undefined) return new Float64Array();
  const data = elements(tensor, 'float32');
  const [batch = 1] = tensor.dims;
  const inner = elementCount(tensor.dims.slice(axis + 1));
  const outer = elementCount(tensor.dims.slice(1, axis));
  const size = tensor.dims[axis] ?? 1;
  const all = outer * inner;
  const perSample = Math.min(POSITIONS, all);
  const rows = new Float64Array(batch * perSample * positions.length);
  let at = 0;
  for (let sample = 0; sample < batch; sample++)
    for (let draw = 0; draw < perSample; draw++) {
      const place = all <= POSITIONS ? draw : Math.floor(random() * all);
      const base = (sample * outer + Math.floor(place / inner)) * size * inner + (place % inner);
      for (const position of positions) rows[at++] = data[base + position * inner] as number;
    }
  return rows;
}
