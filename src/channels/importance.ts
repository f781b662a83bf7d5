import type { Graph } from '../onnx/ir/graph.js';
import { elementCount, elements } from '../onnx/ir/tensor.js';
import type { AxisUnits } from './axis-units.js';
import type { ChannelGroup } from './channel-groups.js';

/**
 * What each unit of a group weighs: the sum of |w| over the weights that make it, each layer's share of its own total so that no
 * layer outvotes the others (Li et al. 2017, "Pruning filters for efficient ConvNets", over a whole group).
 */
export function weightImportance(graph: Graph, units: AxisUnits, group: ChannelGroup): Map<number, number> {
  const importance = new Map<number, number>(group.free.map((unit) => [unit, 0]));
  for (const slot of group.slots) {
    const weights = graph.initializers.get(slot.value);
    if (weights?.dtype !== 'float32') continue;
    const values = elements(weights, 'float32');
    const inner = elementCount(weights.dims.slice(slot.axis + 1));
    const sums = new Float64Array(weights.dims[slot.axis] ?? 0);
    for (let i = 0; i < values.length; i++) {
      const position = Math.floor(i / inner) % sums.length;
      sums[position] = (sums[position] ?? 0) + Math.abs(values[i] ?? 0);
    }
    const total = sums.reduce((sum, value) => sum + value, 0) || 1;
    units.units(slot).forEach((unit, position) => {
      const known = importance.get(unit);
      if (known !== undefined) importance.set(unit, known + (sums[position] ?? 0) / total);
    });
  }
  return importance;
}
