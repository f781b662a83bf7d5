import { node as create, intAttribute } from '../ir/graph.js';
import { type Adapter, withAttribute } from './adapter.js';

/**
 * Softmax, LogSoftmax and Hardmax 13 work along one axis; before, the input was flattened to two dimensions at `axis` (default 1).
 * Both are the same for the last axis; otherwise the flattening is written out.
 */
export const softmax: Adapter = (node, { rank, freshName }) => {
  const [input = ''] = node.inputs;
  const [output = ''] = node.outputs;
  const axis = intAttribute(node, 'axis', 1);
  if (axis === -1 || axis + 1 === rank(input)) {
    return [withAttribute(node, 'axis', { kind: 'int', value: -1n })];
  }
  const [shape, flat, result] = [
    freshName(`${output}_shape`),
    freshName(`${output}_flat`),
    freshName(`${output}_rows`),
  ];
  return [
    create('Shape', [input], [shape]),
    create('Flatten', [input], [flat], { attributes: { axis } }),
    create(node.opType, [flat], [result], { name: node.name, attributes: { axis: -1 } }),
    create('Reshape', [result, shape], [output]),
  ];
};
