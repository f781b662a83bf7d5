import { GraphEditor } from '../ir/editor.js';
import type { Graph, Node } from '../ir/graph.js';
import { elementCount, elements, floats, type Tensor } from '../ir/tensor.js';
import { symbolicShapes } from '../shapes/symbolic-shapes.js';
import { channelSets, convKind, IMAGE_RANK, isScalar, PAIRWISE } from './channel-sets.js';
import { channelConstant } from './float-constant.js';
import type { Pass } from './pass.js';

/** Constant operands of a pairwise operator that hold one number per channel. */
const channelOperands = (editor: GraphEditor, node: Node, channels: number) =>
  node.inputs.filter((input) => {
    const tensor = editor.constant(input);
    return tensor && !isScalar(tensor) && channelConstant(tensor, channels, IMAGE_RANK);
  });

/** Weights [outputs, inputs, …] with zeros for the outputs and inputs that are new. */
function paddedWeights(tensor: Tensor, outputs: number, inputs: number): Tensor {
  const [o = 0, i = 0, ...kernel] = tensor.dims;
  const size = elementCount(kernel);
  const source = elements(tensor, 'float32');
  const padded = new Float32Array(outputs * inputs * size);
  for (let row = 0; row < o; row++) {
    padded.set(source.subarray(row * i * size, (row + 1) * i * size), row * inputs * size);
  }
  return floats(padded, [outputs, inputs, ...kernel]);
}

/** One number per channel, zeros for the new ones; its axes stay as they are. */
function paddedVector(tensor: Tensor, channels: number): Tensor {
  const padded = new Float32Array(channels);
  padded.set(elements(tensor, 'float32'));
  const count = elementCount(tensor.dims);
  return floats(
    padded,
    tensor.dims.map((size) => (size === count ? channels : size)),
  );
}

/**
 * Depthwise convolutions run in ONNX Runtime's blocked layout only when their channels fill whole blocks. Where the values around them
 * are made and read by dense convolutions, their channels are padded: the makers give 0 for the new ones, and the readers give them
 * the weight 0, whatever channelwise operators made of them between. The results are the same; the work and the bytes grow a little,
 * so whether it is faster must be timed.
 * @param block channels per block on the CPU that will run the model
 */
export const padChannels = (block: number): Pass => ({
  name: 'pad_channels',
  run(graph: Graph): number {
    if (block <= 1) return 0;
    const editor = new GraphEditor(graph);
    const shapes = symbolicShapes(graph);
    const channelsOf = (value: string) => {
      const shape = shapes.get(value);
      const channels = shape?.[1];
      return shape?.length === IMAGE_RANK && typeof channels === 'number' ? channels : undefined;
    };
    const sets = channelSets(editor, channelsOf);
    const paddable = sets.paddable();
    const target = (value: string): number => {
      const channels = channelsOf(value) ?? 0;
      return paddable.has(sets.of(value)) ? Math.ceil(channels / block) * block : channels;
    };
    const grows = (value: string) => target(value) !== (channelsOf(value) ?? 0);
    let changes = 0;
    for (const node of [...graph.nodes]) {
      const [input = '', output = ''] = [node.inputs[0], node.outputs[0]];
      const kind = convKind(editor, node);
      const replaced = new Map<string, string>();
      const replace = (name: string, tensor: Tensor) =>
        replaced.set(name, editor.addConstant(`${name}_padded`, tensor));
      if (kind && (grows(input) || grows(output))) {
        const [, weightName = '', bias = ''] = node.inputs;
        const weight = editor.constant(weightName) as Tensor;
        replace(
          weightName,
          paddedWeights(
            weight,
            target(output) || (weight.dims[0] ?? 0),
            kind === 'depthwise' ? 1 : target(input) || (weight.dims[1] ?? 0),
          ),
        );
        if (bias !== '' && grows(output)) replace(bias, paddedVector(editor.constant(bias) as Tensor, target(output)));
      } else if (PAIRWISE.has(node.opType) && grows(output)) {
        for (const name of channelOperands(editor, node, channelsOf(output) ?? 0))
          replace(name, paddedVector(editor.constant(name) as Tensor, target(output)));
      }
      if (grows(output)) graph.values.delete(output);
      if (replaced.size === 0) continue;
      const group = { kind: 'int', value: BigInt(target(output)) } as const;
      const attributes =
        kind === 'depthwise' ? new Map([...node.attributes, ['group', group] as const]) : node.attributes;
      const inputs = node.inputs.map((name) => replaced.get(name) ?? name);
      editor.replace(node, Object.freeze({ ...node, inputs, attributes }));
      changes++;
    }
    return changes;
  },
});
