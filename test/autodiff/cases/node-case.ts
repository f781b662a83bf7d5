import { node } from '../../../src/onnx/ir/graph.js';
import type { GradientCase } from '../check-gradient.js';

export type Attributes = NonNullable<NonNullable<Parameters<typeof node>[3]>['attributes']>;

const words = (attributes: Attributes) =>
  JSON.stringify(attributes, (_, v) => (typeof v === 'object' && v !== null && 'value' in v ? v.value : v));

/** One node of output y: its inputs are the names given, or the variables and then the constants. */
export function nodeCase(
  opType: string,
  attributes: Attributes,
  values: Pick<GradientCase, 'variables' | 'constants' | 'opset'>,
  {
    about = words(attributes),
    inputs = [...Object.keys(values.variables), ...Object.keys(values.constants ?? {})],
  }: { readonly about?: string; readonly inputs?: readonly string[] } = {},
): GradientCase {
  return { name: `${opType} ${about}`, nodes: [node(opType, inputs, ['y'], { attributes })], ...values };
}
