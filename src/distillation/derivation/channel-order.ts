import type { AxisUnits } from '../../channels/axis-units.js';
import type { ChannelGroup } from '../../channels/channel-groups.js';
import { type ReadingPlace, readingPlaces } from '../../channels/reading-places.js';
import { type ChannelOrder, type Covariance, selectChannels } from '../../channels/select-channels.js';
import type { Samples } from '../../datasets/samples.js';
import type { Model } from '../../onnx/ir/graph.js';
import { elementCount, elements, type Tensor } from '../../onnx/ir/tensor.js';
import { derivedSeed, seededRandom } from '../../platform/random.js';
import type { Session } from '../../runtime/session.js';
import { addRows, emptyEquations, withGram } from './normal-equations.js';
import { bytesPerSample, tappedBatch, withTaps } from './tapped-model.js';

/** Samples, and positions of each, on which channels are compared: with few positions the choice, and the student, depend on the draw. */
const COMPARED_SAMPLES = 256;
const POSITIONS = 128;
/** Groups wider than this are ordered by their weights: choosing one after the other takes C³ steps. */
const MOST_CHANNELS = 1024;
/** Bytes of covariances and of values of this many samples that groups which are seen in one run may take. */
const TOGETHER_BYTES = 128 * 2 ** 20;
const FEWEST_TOGETHER = 8;

export interface OrderOptions {
  readonly samples: Samples;
  readonly indices: readonly number[];
  readonly threads: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

interface SeenGroup {
  readonly group: ChannelGroup;
  readonly places: readonly ReadingPlace[];
}

/**
 * Orders the channels of groups by how much of all of them the first ones explain where layers read them, on unlabelled samples; none
 * for those where that cannot be seen, as for attention heads.
 */
export async function channelOrders(
  model: Model,
  units: AxisUnits,
  groups: readonly ChannelGroup[],
  options: OrderOptions,
): Promise<Map<ChannelGroup, ChannelOrder>> {
  const seen = groups
    .filter(({ free, size }) => free.length > 0 && size <= MOST_CHANNELS)
    .map((group) => ({ group, places: readingPlaces(model.graph, units, group) }))
    .filter(({ places }) => places.length > 0);
  const orders = new Map<ChannelGroup, ChannelOrder>();
  await withGram(options.threads, async (gram) => {
    for (const together of seenTogether(seen, units.shapes)) {
      const all = together.flatMap(({ places }) => places);
      const covariances = await covariancesAt(model, all, units.shapes, gram, options);
      for (const { group, places } of together) {
        const fixed = group.units.flatMap((unit, channel) => (group.free.includes(unit) ? [] : [channel]));
        orders.set(group, selectChannels(group.size, covariances.splice(0, places.length), fixed));
      }
    }
  });
  return orders;
}

/** Groups whose places are read in one run over the samples, as far as memory allows. */
function seenTogether(seen: readonly SeenGroup[], shapes: ReadonlyMap<string, readonly number[]>): SeenGroup[][] {
  const parts: SeenGroup[][] = [];
  let room = 0;
  for (const one of seen) {
    const squares = one.places.length * one.group.size ** 2 * Float64Array.BYTES_PER_ELEMENT;
    const values = one.places.map(({ value }) => value);
    const bytes = squares + FEWEST_TOGETHER * bytesPerSample(values, shapes);
    if (bytes > room || parts.length === 0) {
      parts.push([]);
      room = TOGETHER_BYTES;
    }
    parts.at(-1)?.push(one);
    room -= bytes;
  }
  return parts;
}

/** What the channels are at these places on samples, as covariances weighed by how much the layers make of each. */
async function covariancesAt(
  model: Model,
  places: readonly ReadingPlace[],
  shapes: ReadonlyMap<string, readonly number[]>,
  gram: Session,
  { samples, indices, threads, seed, signal }: OrderOptions,
): Promise<Covariance[]> {
  const values = [...new Set(places.map(({ value }) => value))];
  const size = Math.min(tappedBatch(values, shapes, samples), indices.length);
  const used = indices.slice(0, Math.max(size, COMPARED_SAMPLES));
  const sums = places.map((place) => ({
    place,
    equations: emptyEquations(1, place.positions.length, 1),
    random: seededRandom(derivedSeed(seed, 'channels', place.value)),
    rows: 0,
  }));
  await withTaps(model, values, threads, async (session) => {
    for (let start = 0; start + size <= used.length; start += size) {
      signal.throwIfAborted();
      const found = await session.run(await samples.feeds(used.slice(start, start + size)), values);
      for (const sum of sums) {
        const x = rowsAt(found.get(sum.place.value), sum.place, sum.random);
        const rows = x.length / sum.place.positions.length;
        await addRows(gram, sum.equations, { rows, x, y: new Float64Array(rows).fill(1) });
        sum.rows += rows;
      }
    }
  });
  return sums.map(({ place: { weights }, equations: { g, b, p }, rows }) => {
    const count = rows || 1;
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
