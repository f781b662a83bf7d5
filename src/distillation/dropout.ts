import { type Graph, type Node, node } from '../onnx/ir/graph.js';
import { elementCount, elements, floats, type Tensor } from '../onnx/ir/tensor.js';
import { derivedSeed, seededRandom } from '../platform/random.js';
import type { Frozen } from './frozen.js';

/** What a Dropout multiplies with while it trains: 0 for a share of the elements, 1 / (1 − share) for the others. */
export interface DropoutMask {
  readonly dims: readonly number[];
  readonly ratio: number;
}

const DEFAULT_RATIO = 0.5;

/** The share that a Dropout drops, when it is a constant and drops anything. */
function ratioOf({ inputs }: Node, constants: Graph['initializers']): number {
  const given = inputs[1] ?? '';
  if (given === '') return DEFAULT_RATIO;
  const tensor = constants.get(given);
  return tensor?.dtype === 'float32' ? (elements(tensor, 'float32')[0] ?? 0) : 0;
}

/**
 * Replaces every Dropout by a product with a mask that is an input of the graph: the operator's own randomness would go on from run to run and
 * could not be resumed.
 * @param shapes of the values that they read
 * @returns the masks by the names of the inputs
 */
export function feedDropouts(
  graph: Graph,
  shapes: ReadonlyMap<string, { readonly dims: readonly number[] }>,
  frozen: Frozen,
): Map<string, DropoutMask> {
  const masks = new Map<string, DropoutMask>();
  graph.nodes = graph.nodes.map((each) => {
    const [x = ''] = each.inputs;
    const [y = '', ownMask = ''] = each.outputs;
    if (each.opType !== 'Dropout' || each.domain !== '' || ownMask !== '' || frozen(each)) return each;
    const ratio = ratioOf(each, graph.initializers);
    if (ratio <= 0 || ratio >= 1) return each;
    const name = `${y}/mask`;
    const dims = shapes.get(x)?.dims ?? [];
    masks.set(name, { dims, ratio });
    graph.inputs.push({ name, type: { kind: 'tensor', dtype: 'float32', shape: dims } });
    return node('Mul', [x, name], [y], { name: each.name });
  });
  return masks;
}

/** The masks of one step, which depend on the seed and the step alone. */
export function dropoutMasks(
  masks: ReadonlyMap<string, DropoutMask>,
  seed: number,
  epoch: number,
  batch: number,
): Map<string, Tensor> {
  return new Map(
    [...masks].map(([name, { dims, ratio }]) => {
      const random = seededRandom(derivedSeed(seed, 'dropout', name, epoch, batch));
      const values = new Float32Array(elementCount(dims));
      for (let i = 0; i < values.length; i++) values[i] = random() < ratio ? 0 : 1 / (1 - ratio);
      return [name, floats(values, dims)];
    }),
  );
}
