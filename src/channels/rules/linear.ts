import { intAttribute } from '../../onnx/ir/graph.js';
import { broadcast, type CouplingRule, type CouplingTable, linkAxes, slot, together } from '../coupling.js';

/**
 * Conv: weights are [outputs, inputs/group, …]. Of grouped ones only the depthwise are followed, where each input channel has
 * outputs of its own.
 */
const conv: CouplingRule = (node, facts) => {
  const [x = '', w = '', b = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const group = intAttribute(node, 'group', 1);
  const [outputs = 1, perGroup = 1] = facts.dims(w);
  const common = [
    ...linkAxes(x, y, [[0, 0]]),
    ...linkAxes(w, y, [[0, 1]]),
    ...(b === '' ? [] : linkAxes(b, y, [[0, 1]])),
  ];
  if (group === 1) return { links: [...common, ...linkAxes(x, w, [[1, 1]])] };
  if (perGroup !== 1) return undefined;
  const multiplier = outputs / group;
  const own = { from: slot(w, 0), to: slot(x, 1), at: (output: number) => Math.floor(output / multiplier) };
  return { links: [...common, own], loose: [slot(w, 1)] };
};

/** ConvTranspose: weights are [inputs, outputs/group, …]. */
const convTranspose: CouplingRule = (node, facts) => {
  const [x = '', w = '', b = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const common = [
    ...linkAxes(x, y, [[0, 0]]),
    ...linkAxes(x, w, [[1, 0]]),
    ...(b === '' ? [] : linkAxes(b, y, [[0, 1]])),
  ];
  if (intAttribute(node, 'group', 1) === 1) return { links: [...common, ...linkAxes(w, y, [[1, 1]])] };
  if (facts.dims(w)[1] !== 1) return undefined;
  return { links: [...common, ...linkAxes(w, y, [[0, 1]])], loose: [slot(w, 1)] };
};

const gemm: CouplingRule = (node, facts) => {
  const [a = '', b = '', c = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const [rows, inner] = intAttribute(node, 'transA', 0) === 1 ? [1, 0] : [0, 1];
  const [innerB, columns] = intAttribute(node, 'transB', 0) === 1 ? [1, 0] : [0, 1];
  const links = [
    ...linkAxes(a, y, [[rows, 0]]),
    ...linkAxes(b, y, [[columns, 1]]),
    { from: slot(a, inner), to: slot(b, innerB) },
  ];
  return together({ links }, c === '' ? {} : broadcast(facts, c, y));
};

/** MatMul of matrices: [… M, K] · [… K, N]; leading axes are broadcast. */
const matMul: CouplingRule = ({ inputs: [a = '', b = ''], outputs: [y = ''] }, facts) => {
  const [ra, rb, ry] = [facts.dims(a).length, facts.dims(b).length, facts.dims(y).length];
  if (ra < 2 || rb < 2) return undefined;
  const links = [
    ...linkAxes(a, y, [[ra - 2, ry - 2]]),
    ...linkAxes(b, y, [[rb - 1, ry - 1]]),
    { from: slot(a, ra - 1), to: slot(b, rb - 2) },
  ];
  const leading = (operand: string) => {
    const { links: found, loose } = broadcast(facts, operand, y);
    const rank = facts.dims(operand).length;
    return {
      links: found.filter(({ from }) => from.axis < rank - 2),
      loose: loose.filter(({ axis }) => axis < rank - 2),
    };
  };
  return together({ links }, leading(a), leading(b));
};

export const linearRules: CouplingTable = { Conv: conv, ConvTranspose: convTranspose, Gemm: gemm, MatMul: matMul };
