import type { Graph, Model } from '../onnx/ir/graph.js';
import { byteLength } from '../onnx/ir/tensor.js';
import { encodeModel } from '../onnx/serde/encode-model.js';
import { type RecordedShape, recordShapes } from '../onnx/shapes/record-shapes.js';
import { type Feeds, withSession } from '../runtime/session.js';
import { liveBytes } from './live-memory.js';

/** Shapes that depend on the number of samples are told from the others by two small numbers, neither of which broadcasts. */
export const [FEW, MORE] = [2, 3] as const;

/** A graph and the shapes of its values at one number of samples. */
export interface Layout {
  readonly graph: Graph;
  readonly shapes: ReadonlyMap<string, RecordedShape>;
}

/** Every value of a model, recorded on one run. */
export async function layoutOf(model: Model, feeds: Feeds): Promise<Layout> {
  const shapes = await recordShapes(
    model,
    (exposed, fetches) =>
      withSession(encodeModel(exposed), { threads: 1, optimization: 'disabled', frugal: true }, (session) =>
        session.run(feeds, fetches),
      ),
    feeds,
  );
  return { graph: model.graph, shapes };
}

const bytesOf = (shape: RecordedShape | undefined) => (shape ? byteLength(shape.dtype, shape.dims) : 0);

/**
 * The bytes that live at once in a graph, by samples, extrapolated from two runs.
 * @param few laid out for FEW samples. @param more the same graph, up to the names of its values, for MORE
 */
export function liveBySamples(few: Layout, more: Layout): (samples: number) => number {
  const outputs = ({ graph }: Layout) => graph.nodes.flatMap((node) => node.outputs);
  const counterparts = new Map(outputs(more).map((value, i) => [outputs(few)[i] ?? '', value]));
  return (samples) =>
    liveBytes(few.graph, (value) => {
      const small = bytesOf(few.shapes.get(value));
      return small + (samples - FEW) * (bytesOf(more.shapes.get(counterparts.get(value) ?? '')) - small);
    });
}
