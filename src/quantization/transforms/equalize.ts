import { cloneModel } from '../../onnx/ir/clone.js';
import { GraphEditor } from '../../onnx/ir/editor.js';
import { node as create, float, intAttribute, type Node } from '../../onnx/ir/graph.js';
import { floats } from '../../onnx/ir/tensor.js';
import { type LinearLayer, readLinearLayer, withWeights } from '../../onnx/passes/linear-layer.js';
import { breathing } from '../breathe.js';
import { channelMagnitudes } from './channel-magnitudes.js';
import { divisors } from './divisors.js';
import { type ScaledRegion, scaledRegion } from './scaled-region.js';
import type { Transform, TransformContext, Transformed } from './transform.js';

/** A layer whose output channels can be scaled, and what lies behind it. */
interface Place extends ScaledRegion {
  readonly layer: LinearLayer;
}

/** Scales move along a chain of layers; after this many rounds over all of them nothing moves any more (Nagel et al., 2019). */
const ROUNDS = 20;
/** A place whose channels are all within this share of what they should be is as it should be. */
const LEAST_CHANGE = 1e-6;
/** How much of the difference between channels moves into the weights behind them. */
const ALPHAS = [0.5, 1];

function places({ model, shapes, selected }: TransformContext): Place[] {
  const editor = new GraphEditor(model.graph);
  return model.graph.nodes.flatMap((node): Place[] => {
    const layer = selected(node) ? readLinearLayer(editor, node) : undefined;
    const region = layer && scaledRegion(editor, node.outputs[0] ?? '', layer.outputChannels, shapes);
    return layer && region?.absorbers.every((absorber) => selected(absorber.node)) ? [{ layer, ...region }] : [];
  });
}

/** By what the channels of each layer are divided: of its outputs, and of its inputs by the places before it. */
class Divisions {
  readonly #outputs = new Map<string, Float64Array>();
  readonly #inputs = new Map<string, Float64Array>();

  output({ node }: LinearLayer, channel: number): number {
    return this.#outputs.get(node.name)?.[channel] ?? 1;
  }

  input({ node }: LinearLayer, channel: number): number {
    return this.#inputs.get(node.name)?.[channel] ?? 1;
  }

  /** Divides once more. */
  divide({ layer, absorbers }: Place, by: Float64Array): void {
    const times = (known: Float64Array | undefined) => by.map((each, c) => each * (known?.[c] ?? 1));
    this.#outputs.set(layer.node.name, times(this.#outputs.get(layer.node.name)));
    for (const { node } of absorbers) this.#inputs.set(node.name, times(this.#inputs.get(node.name)));
  }

  of({ layer }: Place): Float64Array {
    return this.#outputs.get(layer.node.name) ?? new Float64Array(layer.outputChannels).fill(1);
  }

  /** W' of a layer at a position: rows divided by their own scale, columns multiplied by that of what they read. */
  weight(layer: LinearLayer, position: number): number {
    const weight = layer.data[position] as number;
    return (weight / this.output(layer, layer.outputAt(position))) * this.input(layer, layer.inputAt(position));
  }
}

/** The largest weight of each output or input channel of layers that share those channels. */
function largest(
  layers: readonly LinearLayer[],
  side: 'input' | 'output',
  channels: number,
  divisions = new Divisions(),
): Float64Array {
  const result = new Float64Array(channels);
  for (const layer of layers) {
    const channelAt = side === 'input' ? layer.inputAt : layer.outputAt;
    for (let position = 0; position < layer.data.length; position++) {
      const channel = channelAt(position);
      result[channel] = Math.max(result[channel] as number, Math.abs(divisions.weight(layer, position)));
    }
  }
  return result;
}

/** Weights that are looked at for one place. */
const weightsOf = ({ layer, absorbers }: Place) =>
  absorbers.reduce((sum, { data }) => sum + data.length, layer.data.length);

/** s = √(r1 / r2) from the weights' own ranges on both sides (Nagel et al., "Data-Free Quantization", 2019, section 4.1). */
async function fromWeights(found: readonly Place[], { signal }: TransformContext): Promise<Divisions> {
  const breathe = breathing(signal);
  const divisions = new Divisions();
  for (let round = 0; round < ROUNDS; round++) {
    for (const place of found) {
      const { layer, absorbers } = place;
      const before = largest([layer], 'output', layer.outputChannels, divisions);
      const behind = largest(absorbers, 'input', layer.outputChannels, divisions);
      divisions.divide(place, divisors(before, behind, 0.5));
      await breathe(weightsOf(place));
    }
  }
  return divisions;
}

/** Whether every output channel reads one input channel: its own scale takes any factor, so the weights have no say. */
const isDepthwise = ({ node, inputChannels }: LinearLayer) => intAttribute(node, 'group', 1) === inputChannels;

async function fromActivations(
  found: readonly Place[],
  magnitudes: ReadonlyMap<string, Float32Array>,
  alpha: number,
  { perChannel, signal }: TransformContext,
): Promise<Divisions> {
  const breathe = breathing(signal);
  const divisions = new Divisions();
  for (const place of found) {
    const { layer, absorbers, values } = place;
    const sizes = new Float64Array(layer.outputChannels);
    for (const value of values)
      magnitudes.get(value)?.forEach((size, c) => {
        sizes[c] = Math.max(sizes[c] as number, size);
      });
    const free = perChannel && absorbers.every(isDepthwise);
    const weights = largest(absorbers, 'input', layer.outputChannels);
    divisions.divide(place, divisors(sizes, weights, free ? 1 : alpha));
    await breathe(weightsOf(place));
  }
  return divisions;
}

/** Gives a gate what it saw before: HardSwish falls into its two factors, the linear one of which stays scaled. */
function takeBack(editor: GraphEditor, { node, value }: Place['gates'][number], by: Float64Array, rank: number): void {
  const shape = [by.length, ...Array<number>(rank - 2).fill(1)];
  const scale = editor.addConstant(`${value}_divisor`, floats(by, shape));
  const restored = editor.freshName(`${value}_restored`);
  const before = create('Mul', [value, scale], [restored], { name: `${node.name}_restored_Mul` });
  if (node.opType !== 'HardSwish') {
    editor.replace(node, before, Object.freeze({ ...node, inputs: [restored, ...node.inputs.slice(1)] }));
    return;
  }
  const gate = editor.freshName(`${value}_gate`);
  const attributes = { alpha: float(1 / 6), beta: float(0.5) };
  editor.replace(
    node,
    before,
    create('HardSigmoid', [restored], [gate], { name: `${node.name}_gate`, attributes }),
    create('Mul', [value, gate], node.outputs, { name: node.name }),
  );
}

async function rewritten(
  { model, signal }: TransformContext,
  found: readonly Place[],
  divisions: Divisions,
): Promise<Transformed> {
  const breathe = breathing(signal);
  const result = cloneModel(model);
  const editor = new GraphEditor(result.graph);
  const layers = new Map<string, LinearLayer>();
  for (const { layer, absorbers } of found) for (const each of [layer, ...absorbers]) layers.set(each.node.name, each);
  for (const layer of layers.values()) {
    await breathe(layer.data.length);
    const weights = layer.data.map((_, position) => divisions.weight(layer, position));
    const bias = layer.bias && Float64Array.from(layer.bias, (value, c) => value / divisions.output(layer, c));
    const current = result.graph.nodes.find(({ name }) => name === layer.node.name) as Node;
    editor.replace(current, withWeights(editor, layer, weights, bias));
  }
  for (const place of found)
    for (const gate of place.gates) takeBack(editor, gate, divisions.of(place), place.layer.rank);
  const changed = found.filter((place) => divisions.of(place).some((by) => Math.abs(by - 1) > LEAST_CHANGE));
  return { model: result, changes: changed.length };
}

/**
 * Cross-layer equalization: between two layers with nothing but operators that pass a scale through, output channels of the first are
 * divided by s and input channels of the second multiplied by it, so that no channel wastes the range that all share. Exact in FP32.
 * s comes from the weights alone, or from the magnitudes that calibration samples reach.
 */
export const equalize: Transform = async (context) => {
  const found = places(context);
  if (found.length === 0) return [];
  const values = found.flatMap((place) => place.values.map((value) => ({ value, axis: 1 })));
  const magnitudes = await channelMagnitudes(context, values);
  return [
    ...ALPHAS.map((alpha) => ({
      name: `from activations, alpha ${alpha}`,
      apply: async () => rewritten(context, found, await fromActivations(found, magnitudes, alpha, context)),
    })),
    { name: 'from weights', apply: async () => rewritten(context, found, await fromWeights(found, context)) },
  ];
};
