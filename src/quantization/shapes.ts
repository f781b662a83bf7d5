import type { Model } from '../onnx/ir/graph.js';
import { type RecordedShape, type RunModel, recordShapes } from '../onnx/shapes/record-shapes.js';
import { withModelSession } from './model-session.js';
import { type QuantizationSamples, sampleRows } from './samples.js';

/** Type and shape of every value on the first of the samples; nothing without samples. */
export async function shapesOnSample(
  model: Model,
  samples: QuantizationSamples | null,
  indices: readonly number[],
  session: { readonly threads: number; readonly scratch: string },
): Promise<ReadonlyMap<string, RecordedShape>> {
  const [row] = samples ? sampleRows(indices, samples) : [];
  if (!samples || !row) return new Map();
  const feeds = await samples.feeds(row);
  return recordShapes(model, runOnce(session, feeds), feeds);
}

/** A graph that is run once is not worth optimizing. */
const ONCE = 'disabled';

/** Runs a model once on these inputs. */
export const runOnce =
  (
    session: { readonly threads: number; readonly scratch: string },
    feeds: Parameters<typeof recordShapes>[2],
  ): RunModel =>
  (model, fetches) =>
    withModelSession(model, { ...session, optimization: ONCE }, ({ run }) => run(feeds ?? new Map(), fetches));
