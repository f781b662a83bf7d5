import { node as create, stringAttribute } from '../ir/graph.js';
import { elementCount } from '../ir/tensor.js';
import { type Adapter, moved, refused, withAttribute } from './adapter.js';
import { everyFloat } from './attributes-to-inputs.js';

const text = (value: string) => ({ kind: 'string' as const, value: new TextEncoder().encode(value) });

/** Upsample (deprecated in 10) only ever enlarged: output index → floor(index / scale). */
export const upsampleToResize: Adapter = (node) => [
  create('Resize', node.inputs, node.outputs, {
    name: node.name,
    attributes: {
      mode: stringAttribute(node, 'mode', 'nearest'),
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    },
  }),
];

/**
 * Resize 10 → 11: an input `roi` appears before `scales`, and what version 10 left to the implementation becomes attributes. ONNX
 * Runtime (upsample.cc) takes asymmetric coordinates, and the nearest pixel below when it enlarges, above when it shrinks.
 */
export const resize: Adapter = (node, { constant }) => {
  const [data = '', scales = ''] = node.inputs;
  const shifted = Object.freeze({ ...node, inputs: [data, '', scales] });
  if (node.attributes.has('coordinate_transformation_mode')) return [shifted];
  const asymmetric = withAttribute(shifted, 'coordinate_transformation_mode', text('asymmetric'));
  if (stringAttribute(node, 'mode', 'nearest') !== 'nearest') return [asymmetric];
  if (everyFloat(constant(scales), (scale) => scale >= 1))
    return [withAttribute(asymmetric, 'nearest_mode', text('floor'))];
  if (everyFloat(constant(scales), (scale) => scale <= 1))
    return [withAttribute(asymmetric, 'nearest_mode', text('ceil'))];
  throw refused(node, 'resizes by scales of which version 10 does not say how they round');
};

/** Resize 13: `roi` and `scales` are optional; before, an empty constant stood for an absent one. */
export const resizeOptionalInputs: Adapter = (node, { constant }) => {
  const absent = (value: string) => {
    const tensor = constant(value);
    return tensor !== undefined && elementCount(tensor.dims) === 0;
  };
  return [moved({ ...node, inputs: node.inputs.map((value, i) => (i > 0 && absent(value) ? '' : value)) }, [])];
};
