import { type Attribute, intAttribute, intsAttribute } from '../ir/graph.js';
import { elements, int64s, type Tensor } from '../ir/tensor.js';
import { type Adapter, moved, refused } from './adapter.js';

/** Attributes that a later version takes as one int64 input each; an absent one becomes an absent input. */
export const intsToInputs =
  (...names: readonly string[]): Adapter =>
  (node, { addConstant }) => {
    const inputs = names.map((name) => {
      const values = intsAttribute(node, name);
      return values ? addConstant(`${node.outputs[0]}_${name}`, int64s(values)) : '';
    });
    return [moved(node, names, inputs)];
  };

/** TopK's k: a number before, a vector of one after. */
export const topK: Adapter = (node, { addConstant }) => [
  moved(node, ['k'], [addConstant(`${node.outputs[0]}_k`, int64s([intAttribute(node, 'k', 0)]))]),
];

/** A scalar of the type of the data; float attributes only ever belonged to operators on floating-point data. */
function scalarLike(attribute: Attribute, dtype: string | undefined): Tensor | undefined {
  if (attribute.kind !== 'float') return undefined;
  if (dtype === undefined || dtype === 'float32') {
    return { dtype: 'float32', dims: [], bytes: new Uint8Array(Float32Array.of(attribute.value).buffer) };
  }
  if (dtype === 'float64') return { dtype, dims: [], bytes: new Uint8Array(Float64Array.of(attribute.value).buffer) };
  return undefined;
}

/** Float attributes that a later version takes as scalar inputs of the data's type. */
const floatsToInputs =
  (...names: readonly string[]): Adapter =>
  (node, { addConstant, dtype }) => {
    const inputs = names.map((name) => {
      const attribute = node.attributes.get(name);
      if (!attribute) return '';
      const tensor = scalarLike(attribute, dtype(node.inputs[0] ?? ''));
      if (!tensor) throw refused(node, `has an attribute ${name} that cannot become an input of its data's type`);
      return addConstant(`${node.outputs[0]}_${name}`, tensor);
    });
    return [moved(node, names, inputs)];
  };

export const clip: Adapter = floatsToInputs('min', 'max');

export const pad: Adapter = (node, context) => {
  const [padded] = intsToInputs('pads')(node, context);
  const value = node.attributes.get('value');
  const plain = padded && moved(padded, value?.kind === 'float' && value.value === 0 ? ['value'] : []);
  return plain ? floatsToInputs('value')(plain, context) : [];
};

/** Upsample's scales: floats in an attribute before, a float32 vector after. */
export const upsampleScales: Adapter = (node, { addConstant }) => {
  const scales = node.attributes.get('scales');
  if (scales?.kind !== 'floats') throw refused(node, 'has no scales');
  const data = Float32Array.from(scales.value);
  const tensor: Tensor = { dtype: 'float32', dims: [data.length], bytes: new Uint8Array(data.buffer) };
  return [moved(node, ['scales'], [addConstant(`${node.outputs[0]}_scales`, tensor)])];
};

/** Whether all elements of a float32 constant satisfy a condition; undefined when it is not one. */
export function everyFloat(tensor: Tensor | undefined, holds: (value: number) => boolean): boolean | undefined {
  return tensor?.dtype === 'float32' ? elements(tensor, 'float32').every(holds) : undefined;
}
