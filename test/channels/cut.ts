import { type ChannelGroup, channelGroups } from '../../src/channels/channel-groups.js';
import { channelUnits } from '../../src/channels/channel-units.js';
import { keptCount, leastImportant } from '../../src/channels/choose-channels.js';
import { weightImportance } from '../../src/channels/importance.js';
import { keptPositions, sliceModel } from '../../src/channels/slice-model.js';
import { cloneModel } from '../../src/onnx/ir/clone.js';
import type { Model } from '../../src/onnx/ir/graph.js';
import { elementCount, elements, floats } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { recordShapes } from '../../src/onnx/shapes/record-shapes.js';
import { runModel, type Values } from '../onnx/session.js';

/** Shapes of all values of a model as ONNX Runtime has them. */
export async function shapesOf(model: Model, feeds: Values): Promise<Map<string, readonly number[]>> {
  const recorded = await recordShapes(model, (exposed) => runModel(encodeModel(exposed), feeds), feeds);
  return new Map([...recorded].map(([name, { dims }]) => [name, dims]));
}

export interface Cut {
  readonly groups: readonly ChannelGroup[];
  readonly sliced: Model;
  /** The whole model in which every weight of a removed channel is 0. */
  readonly zeroed: Model;
  readonly removed: number;
}

/** Cuts a model to a width, and makes the model that it must be equal to. */
export async function cut(model: Model, feeds: Values, width = 0.5): Promise<Cut> {
  const { graph } = model;
  const units = channelUnits(graph, await shapesOf(model, feeds));
  const groups = channelGroups(graph, units);
  const removed = new Set(
    groups.flatMap((group) => leastImportant(group, keptCount(group, width), weightImportance(graph, units, group))),
  );
  const zeroed = cloneModel(model);
  for (const [name, tensor] of graph.initializers) {
    if (tensor.dtype !== 'float32') continue;
    const values = Float32Array.from(elements(tensor, 'float32'));
    tensor.dims.forEach((size, axis) => {
      const kept = new Set(keptPositions(units, { value: name, axis }, removed));
      const inner = elementCount(tensor.dims.slice(axis + 1));
      for (let i = 0; i < values.length; i++) if (!kept.has(Math.floor(i / inner) % size)) values[i] = 0;
    });
    zeroed.graph.initializers.set(name, floats(values, tensor.dims));
  }
  return { groups, sliced: sliceModel(model, units, removed), zeroed, removed: removed.size };
}
