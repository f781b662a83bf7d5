import { preflight } from '../../autodiff/preflight.js';
import type { Graph } from '../../onnx/ir/graph.js';
import { ServiceError } from '../../platform/errors.js';
import { type Frozen, nothingFrozen } from '../frozen.js';

/** Which inputs of an operator are weights when they are constants. Everything else that is constant stays as it is. */
const WEIGHT_INPUTS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [0, 1, 2],
  MatMul: [0, 1],
  Add: [0, 1],
  Sub: [0, 1],
  Mul: [0, 1],
  Div: [0, 1],
  PRelu: [1],
  LSTM: [1, 2, 3, 7],
  GRU: [1, 2, 3],
  RNN: [1, 2, 3],
  Gather: [0],
  BatchNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  LayerNormalization: [1, 2],
};

/**
 * Float32 constants where an operator takes its weights, numbers without a shape left out, since exporters write fixed factors so.
 */
export function weightConstants(graph: Graph): string[] {
  const isWeight = (name: string) => {
    const tensor = graph.initializers.get(name);
    return tensor?.dtype === 'float32' && tensor.dims.length > 0;
  };
  const used = graph.nodes.flatMap(({ domain, opType, inputs }) =>
    (domain === '' ? (WEIGHT_INPUTS[opType] ?? []) : []).map((index) => inputs[index] ?? ''),
  );
  return [...new Set(used)].filter(isWeight);
}

/**
 * The weights of a student that training changes.
 * @param graph in the training operator set, constants as initializers
 * @param frozen nodes that keep their weights
 * @throws ServiceError unsupported_operator with the first node through which their gradients cannot flow, unsupported_dtype when
 *   there is nothing to train
 */
export function trainableWeights(graph: Graph, output: string, frozen: Frozen = nothingFrozen): string[] {
  const kept = new Set(graph.nodes.filter(frozen).flatMap(({ inputs }) => inputs));
  const weights = weightConstants(graph).filter((name) => !kept.has(name));
  const refused = preflight(graph, weights, [output]).find(({ status }) => status === 'refused');
  if (refused) {
    throw new ServiceError('unsupported_operator', `${refused.reason} The weights before it cannot be trained.`, {
      node: { name: refused.name, op_type: refused.op_type },
      hint: 'Name what lies before it in training.freeze, give a student without this operator, or use a template.',
    });
  }
  if (weights.length === 0)
    throw new ServiceError(
      'unsupported_dtype',
      'The student has no float32 weights that are not frozen, so there is nothing to train.',
    );
  return weights;
}
