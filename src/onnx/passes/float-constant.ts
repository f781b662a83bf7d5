import type { GraphEditor } from '../ir/editor.js';
import { elementCount, elements, type Tensor } from '../ir/tensor.js';

/** The elements of a float32 constant; undefined when the value is none. */
export function floatConstant(editor: GraphEditor, value: string | undefined): Float32Array | undefined {
  const tensor = value === undefined ? undefined : editor.constant(value);
  return tensor?.dtype === 'float32' ? elements(tensor, 'float32') : undefined;
}

/** The number behind a float32 constant that holds one element and adds no dimension to what it is combined with. */
export function scalarConstant(editor: GraphEditor, value: string | undefined): number | undefined {
  const tensor = value === undefined ? undefined : editor.constant(value);
  if (tensor?.dtype !== 'float32' || elementCount(tensor.dims) !== 1 || tensor.dims.length > 1) return undefined;
  return elements(tensor, 'float32')[0];
}

/**
 * A float32 constant as one number for each of `channels` (axis 1 of a value with `rank` dimensions), when it broadcasts along all
 * other axes and adds no dimension.
 */
export function channelConstant(tensor: Tensor | undefined, channels: number, rank: number): Float64Array | undefined {
  if (tensor?.dtype !== 'float32' || tensor.dims.length > rank) return undefined;
  const aligned = [...Array<number>(rank - tensor.dims.length).fill(1), ...tensor.dims];
  if (!aligned.every((size, axis) => size === 1 || (axis === 1 && size === channels))) return undefined;
  const data = elements(tensor, 'float32');
  return Float64Array.from({ length: channels }, (_, channel) => data[data.length === 1 ? 0 : channel] as number);
}
