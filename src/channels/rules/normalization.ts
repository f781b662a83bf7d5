import { intAttribute } from '../../onnx/ir/graph.js';
import { broadcast, type CouplingRule, type CouplingTable, linkAxes, positiveAxis, together } from '../coupling.js';

/** One scale, shift, mean and variance per channel, on axis 1. */
const batchNormalization: CouplingRule = ({ inputs: [x = '', ...vectors], outputs: [y = ''] }, facts) =>
  together(broadcast(facts, x, y), { links: vectors.flatMap((vector) => linkAxes(vector, y, [[0, 1]])) });

/** Normalizes over each channel's own positions. */
const instanceNormalization: CouplingRule = ({ inputs: [x = '', ...vectors], outputs: [y = ''] }) => ({
  links: [
    ...linkAxes(x, y, [
      [0, 0],
      [1, 1],
    ]),
    ...vectors.flatMap((vector) => linkAxes(vector, y, [[0, 1]])),
  ],
});

/** Normalizes over the last axes: with fewer channels the moments are those of the kept ones. */
const layerNormalization: CouplingRule = ({ inputs, outputs: [y = ''] }, facts) =>
  together(...inputs.filter((input) => input !== '').map((input) => broadcast(facts, input, y)));

/** Shares along one axis sum to one: taking some away changes the others, so that axis stays. */
const alongAxis: CouplingRule = (node, facts) => {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const rank = facts.dims(x).length;
  const axis = positiveAxis(intAttribute(node, 'axis', -1), rank);
  return { links: broadcast(facts, x, y).links.filter(({ from }) => from.axis !== axis) };
};

export const normalizationRules: CouplingTable = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  LogSoftmax: alongAxis,
  LpNormalization: alongAxis,
  Softmax: alongAxis,
};
