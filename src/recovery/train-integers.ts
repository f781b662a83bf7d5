import { node as makeNode } from '../onnx/ir/graph.js';
import { floats, tensor } from '../onnx/ir/tensor.js';
import { roundAndClip } from '../quantization/rounding.js';
import type { StoredWeight } from './stored-weight.js';
import type { TrainingGraph } from './training-graph.js';
import { storedWeight } from './weight-forms.js';

/** A latent so far beyond the last integer still is rounded to it, and still learns. */
const LAST_HALF = 0.499;

/**
 * Lets stored weights be trained: the integers q become round(clip(u)) of latent floats u, which begin as q. Their gradient is that of
 * clip(u), straight through the rounding, in steps of the grid.
 */
export function trainIntegers(graph: TrainingGraph): void {
  const { editor } = graph;
  const byConstant = new Map<string, StoredWeight[]>();
  for (const node of editor.graph.nodes) {
    const found = storedWeight(node, graph);
    const [constant = ''] = found?.constants ?? [];
    if (found) byConstant.set(constant, [...(byConstant.get(constant) ?? []), found]);
  }
  const one = graph.scalar('one', 1);
  for (const [constant, places] of byConstant) {
    const [first] = places;
    // Read somewhere else too, for instance in a branch, the constant has to stay what it is.
    if (!first || first.constants.some((each) => editor.uses(each).length !== places.length)) continue;
    const { dims, range, store } = first;
    const [low, high] = range;
    const latent = graph.latent(first.constants, floats(first.integers, dims), (values) =>
      store(Float32Array.from(values, (value) => roundAndClip(value, low, high))),
    );
    const zero = low < 0 ? tensor('int8', [], new Int8Array(1)) : tensor('uint8', [], new Uint8Array(1));
    const zeroPoint = graph.constant(`${constant}/zero`, zero);
    const bounds = [
      graph.scalar(`${constant}/low`, low - LAST_HALF),
      graph.scalar(`${constant}/high`, high + LAST_HALF),
    ];
    const [clipped, integers, rounded] = ['clipped', 'integers', 'rounded'].map((part) =>
      graph.value(constant, part),
    ) as [string, string, string];
    for (const { replaces, restore } of places) {
      const last = replaces.at(-1);
      if (!last) throw new Error(`no node reads ${constant}`);
      editor.replace(last, ...restore(rounded));
      for (const node of replaces.slice(0, -1)) editor.remove(node);
    }
    editor.prepend(
      makeNode('Clip', [latent, ...bounds], [clipped], { name: clipped }),
      makeNode('QuantizeLinear', [clipped, one, zeroPoint], [integers], { name: integers }),
      makeNode('DequantizeLinear', [integers, one, zeroPoint], [rounded], { name: rounded }),
    );
  }
}
