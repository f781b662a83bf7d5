import type { GraphEditor } from '../ir/editor.js';
import { intAttribute, type Node } from '../ir/graph.js';
import { elementCount, type Tensor } from '../ir/tensor.js';
import { channelConstant } from './float-constant.js';

/** Batch, channels, height, width. */
export const IMAGE_RANK = 4;
/** Operators that work on each channel alone, so that a padded input gives a padded output. */
const CHANNELWISE = new Set([
  'AveragePool',
  'Clip',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'HardSigmoid',
  'HardSwish',
  'LeakyRelu',
  'MaxPool',
  'Relu',
  'Sigmoid',
  'Tanh',
]);
export const PAIRWISE = new Set(['Add', 'Mul']);

type ConvKind = 'dense' | 'depthwise';

/** Values whose channels must stay equal in number, because channelwise operators join them. */
export class ChannelSets {
  readonly #parents = new Map<string, string>();
  readonly #spoiled = new Set<string>();
  readonly #depthwise = new Set<string>();

  /** The name of the value's set. Paths are halved on the way: a chain of a hundred thousand values stays short. */
  of(value: string): string {
    let name = value;
    for (;;) {
      const parent = this.#parents.get(name);
      if (parent === undefined) return name;
      const grandparent = this.#parents.get(parent);
      if (grandparent === undefined) return parent;
      this.#parents.set(name, grandparent);
      name = grandparent;
    }
  }

  join(values: readonly string[]): void {
    const [first = '', ...rest] = values.map((value) => this.of(value));
    for (const root of new Set(rest)) if (root !== first) this.#parents.set(root, first);
  }

  spoil(value: string): void {
    this.#spoiled.add(value);
  }

  markDepthwise(value: string): void {
    this.#depthwise.add(value);
  }

  /** The sets that nothing spoils and that a depthwise convolution works on. */
  paddable(): Set<string> {
    const found = new Set([...this.#depthwise].map((value) => this.of(value)));
    for (const value of this.#spoiled) found.delete(this.of(value));
    return found;
  }
}

/** A convolution over images with constant float32 weights; undefined for groups of several channels. */
export function convKind(editor: GraphEditor, node: Node): ConvKind | undefined {
  const weight = editor.constant(node.inputs[1] ?? '');
  const bias = node.inputs[2] ?? '';
  if (node.opType !== 'Conv' || node.domain !== '' || weight?.dtype !== 'float32') return undefined;
  if (weight.dims.length !== IMAGE_RANK || (bias !== '' && editor.constant(bias)?.dtype !== 'float32'))
    return undefined;
  const group = intAttribute(node, 'group', 1);
  if (group === 1) return 'dense';
  return group === weight.dims[0] && weight.dims[1] === 1 ? 'depthwise' : undefined;
}

export const isScalar = (tensor: Tensor) => elementCount(tensor.dims) === 1 && tensor.dims.length <= IMAGE_RANK;

/**
 * Joins the values of a graph by the operators between them, and spoils those whose channels something else counts on.
 * @param channelsOf the channels of an image whose shape is known
 */
export function channelSets(editor: GraphEditor, channelsOf: (value: string) => number | undefined): ChannelSets {
  const sets = new ChannelSets();
  const spoilAll = (node: Node) => {
    for (const value of [...node.inputs, ...node.outputs]) sets.spoil(value);
  };
  for (const node of editor.graph.nodes) {
    const kind = convKind(editor, node);
    const [input = '', output = ''] = [node.inputs[0], node.outputs[0]];
    if (kind === 'dense') continue;
    const values = [...node.inputs.filter((value) => !editor.constant(value)), ...node.outputs].filter((v) => v !== '');
    const channels = channelsOf(output);
    const together = channels !== undefined && values.every((value) => channelsOf(value) === channels);
    const constants = node.inputs.flatMap((value) => editor.constant(value) ?? []);
    const fits =
      PAIRWISE.has(node.opType) && channels !== undefined
        ? constants.every((tensor) => isScalar(tensor) || channelConstant(tensor, channels, IMAGE_RANK) !== undefined)
        : kind === 'depthwise' || (CHANNELWISE.has(node.opType) && node.outputs.length === 1);
    if (!together || !fits || node.domain !== '' || (kind === 'depthwise' && channelsOf(input) !== channels)) {
      spoilAll(node);
      continue;
    }
    sets.join(values);
    if (kind === 'depthwise') sets.markDepthwise(output);
  }
  for (const { name } of [...editor.graph.inputs, ...editor.graph.outputs]) sets.spoil(name);
  for (const node of editor.graph.nodes)
    for (const value of node.outputs) {
      if (channelsOf(value) === undefined || editor.uses(value).some((use) => use.nested)) sets.spoil(value);
    }
  return sets;
}
