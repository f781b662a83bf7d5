import type { Model, Node } from '../../src/onnx/ir/graph.js';
import { numbers } from '../../src/onnx/ir/numbers.js';
import type { Tensor } from '../../src/onnx/ir/tensor.js';

/** By how much a unit of input can change the result of operators that stretch nothing else. */
const SLOPES: Readonly<Record<string, number>> = {
  ...{ Relu: 1, Clip: 1, MaxPool: 1, AveragePool: 1, GlobalAveragePool: 1, Flatten: 1, Reshape: 1, Transpose: 1 },
  ...{ DequantizeLinear: 1, Concat: 1, Squeeze: 1, Unsqueeze: 1, Identity: 1 },
  // Steepest at 0; HardSwish at 3, where x·(x + 3)/6 has the slope 1.5.
  ...{ Sigmoid: 0.25, HardSigmoid: 0.2, HardSwish: 1.5 },
};
/** Sums in float and in whole numbers differ by their rounding; values here are below 10, sums of a few hundred. */
const ROUNDING = 1e-4;

/** Largest Σ |w| of one output of a Conv [M, …] or a product, from the weights that the file says. */
function largestRow(weight: Tensor, channelAxis: number): number {
  const values = numbers(weight);
  const channels = weight.dims[channelAxis] ?? 1;
  const inner = weight.dims.slice(channelAxis + 1).reduce((product, dim) => product * dim, 1);
  const sums = new Float64Array(channels);
  for (let i = 0; i < values.length; i++)
    (sums[Math.floor(i / inner) % channels] as number) += Math.abs(values[i] as number);
  return Math.max(...sums);
}

/**
 * By how much each output of a Q/DQ model can differ between integer kernels and its literal reading in float. Both round the same real
 * number before each Q, up to ROUNDING, so each Q adds at most one of its steps; a layer stretches what it is given by the largest Σ |w| of
 * an output; everything else by its steepest slope.
 * @param constant gives a constant of the model, restored to float
 */
export function errorBound(model: Model, constant: (name: string) => Tensor | undefined): Map<string, number> {
  const bounds = new Map<string, number>();
  const of = (name: string) => bounds.get(name) ?? 0;
  const stretch = (node: Node): number => {
    const weight = constant(node.inputs[1] ?? '');
    if (node.opType === 'Conv') return weight ? largestRow(weight, 0) : Number.NaN;
    if (node.opType === 'MatMul') return weight ? largestRow(weight, 1) : Number.NaN;
    const transposed = node.attributes.get('transB');
    return weight ? largestRow(weight, transposed?.kind === 'int' && transposed.value === 1n ? 0 : 1) : Number.NaN;
  };
  for (const node of model.graph.nodes) {
    const inputs = node.inputs.map(of);
    const largest = Math.max(0, ...inputs);
    let bound: number;
    if (node.opType === 'QuantizeLinear') {
      const step = numbers(constant(node.inputs[1] ?? '') as Tensor)[0] as number;
      bound = largest + step;
    } else if (['Conv', 'Gemm', 'MatMul'].includes(node.opType))
      bound = of(node.inputs[0] ?? '') * stretch(node) + ROUNDING;
    else if (node.opType === 'Add') bound = inputs.reduce((sum, each) => sum + each, 0) + ROUNDING;
    else if (largest === 0) bound = 0;
    else bound = largest * (SLOPES[node.opType] ?? Number.NaN) + ROUNDING;
    for (const output of node.outputs) bounds.set(output, bound);
  }
  return bounds;
}
