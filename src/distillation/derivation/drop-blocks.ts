import { type ResidualBlock, residualBlocks, withoutBlocks } from '../../channels/residual-blocks.js';
import type { Samples } from '../../datasets/samples.js';
import type { Model } from '../../onnx/ir/graph.js';
import { elements, type Tensor } from '../../onnx/ir/tensor.js';
import { ServiceError } from '../../platform/errors.js';
import { tappedBatch, withTaps } from './tapped-model.js';
import type { TeacherNetwork } from './teacher-network.js';

/** Samples on which blocks are compared. */
const COMPARED_SAMPLES = 128;

export interface DroppedBlock {
  readonly block: ResidualBlock;
  /** Mean squared change of the output with this and all earlier ones gone, relative to its mean square. */
  readonly change: number;
}

/**
 * Chooses residual blocks to leave out, one after the other: each time the one without which the output changes least.
 * @throws ServiceError invalid_request when there are fewer blocks than that
 */
export async function dropBlocks(
  teacher: TeacherNetwork,
  count: number,
  options: {
    readonly output: string;
    readonly samples: Samples;
    readonly indices: readonly number[];
    readonly threads: number;
    readonly signal: AbortSignal;
    progress(fraction: number): void;
  },
): Promise<DroppedBlock[]> {
  const blocks = residualBlocks(teacher.model.graph, teacher.shapes);
  if (count > blocks.length) {
    throw new ServiceError(
      'invalid_request',
      `The teacher has ${blocks.length} residual blocks, and ${count} cannot be dropped.`,
      { hint: 'Lower drop_layers; a block is a sum x + f(x) whose both sides have one shape.' },
    );
  }
  const outputs = async (model: Model): Promise<Tensor[]> => {
    const { samples, indices, output, threads, signal } = options;
    const size = Math.min(tappedBatch([output], teacher.shapes, samples), indices.length);
    const used = indices.slice(0, Math.max(size, COMPARED_SAMPLES));
    return withTaps(model, [output], threads, async (session) => {
      const found: Tensor[] = [];
      for (let start = 0; start + size <= used.length; start += size) {
        signal.throwIfAborted();
        const value = (await session.run(await samples.feeds(used.slice(start, start + size)), [output])).get(output);
        if (value) found.push(value);
      }
      return found;
    });
  };

  const dropped: DroppedBlock[] = [];
  const reference = count === 0 ? [] : await outputs(teacher.model);
  while (dropped.length < count) {
    let least: DroppedBlock | undefined;
    const gone = dropped.map(({ block }) => block);
    for (const block of blocks.filter((one) => !gone.includes(one))) {
      const change = relativeChange(reference, await outputs(withoutBlocks(teacher.model, [...gone, block])));
      if (!least || change < least.change) least = { block, change };
    }
    if (!least) break;
    dropped.push(least);
    options.progress(dropped.length / count);
  }
  return dropped;
}

/** Σ(a − b)² / Σa². */
function relativeChange(reference: readonly Tensor[], changed: readonly Tensor[]): number {
  let [difference, size] = [0, 0];
  reference.forEach((tensor, at) => {
    const [a, b] = [elements(tensor, 'float32'), elements(changed[at] ?? tensor, 'float32')];
    for (let i = 0; i < a.length; i++) {
      difference += ((a[i] as number) - (b[i] as number)) ** 2;
      size += (a[i] as number) ** 2;
    }
  });
  return size === 0 ? difference : difference / size;
}
