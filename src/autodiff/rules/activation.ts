import { floatAttribute, type Node, stringAttribute } from '../../onnx/ir/graph.js';
import { elements } from '../../onnx/ir/tensor.js';
import { unbroadcast } from '../broadcast.js';
import type { Emitter } from '../emitter.js';
import type { GradientRule, RuleTable } from '../rule.js';

/** A rule for y = f(x), element by element, from dy/dx; `slope` returns the factor of the incoming gradient. */
const unary =
  (slope: (emit: Emitter, x: string, y: string, node: Node) => string): GradientRule =>
  ({ node, gradient, emit }) => [emit.mul(gradient, slope(emit, node.inputs[0] ?? '', node.outputs[0] ?? '', node))];

/** 1 where low < x < high. */
export function inside(emit: Emitter, x: string, low: number | undefined, high: number | undefined): string {
  const above = low === undefined || low === -Infinity ? undefined : emit.op('Greater', [x, emit.scalar(low)]);
  const below = high === undefined || high === Infinity ? undefined : emit.op('Less', [x, emit.scalar(high)]);
  if (above !== undefined && below !== undefined) return emit.mask(emit.op('And', [above, below]));
  const only = above ?? below;
  return only === undefined ? emit.scalar(1) : emit.mask(only);
}

/** slope where x ≤ 0, 1 above. */
const leaky = (emit: Emitter, x: string, slope: string) =>
  emit.op('Where', [emit.op('Greater', [x, emit.scalar(0)]), emit.scalar(1), slope]);

function clipBound(emit: Emitter, node: Node, index: number): number | undefined {
  const name = node.inputs[index];
  if (name === undefined || name === '') return undefined;
  const bound = emit.constantOf(name);
  if (!bound) throw new Error(`the bound ${name} of ${node.name} is not a constant`);
  return elements(bound, 'float32')[0];
}

/** Normal density φ(x) and distribution Φ(x), of which GELU = x · Φ(x). */
const normalDensity = (emit: Emitter, x: string) =>
  emit.scale(emit.op('Exp', [emit.scale(emit.mul(x, x), -0.5)]), 1 / Math.sqrt(2 * Math.PI));
const normalDistribution = (emit: Emitter, x: string) =>
  emit.scale(emit.add(emit.op('Erf', [emit.scale(x, Math.SQRT1_2)]), emit.scalar(1)), 0.5);

/** d/dx of x/2 · (1 + tanh u), u = √(2/π) · (x + 0.044715 x³). */
function tanhGeluSlope(emit: Emitter, x: string): string {
  const CUBIC = 0.044715;
  const factor = Math.sqrt(2 / Math.PI);
  const square = emit.mul(x, x);
  const u = emit.scale(emit.mul(x, emit.add(emit.scale(square, CUBIC), emit.scalar(1))), factor);
  const t = emit.op('Tanh', [u]);
  const du = emit.scale(emit.add(emit.scale(square, 3 * CUBIC), emit.scalar(1)), factor);
  const left = emit.scale(emit.add(t, emit.scalar(1)), 0.5);
  return emit.add(left, emit.scale(emit.mul(emit.mul(x, emit.sub(emit.scalar(1), emit.mul(t, t))), du), 0.5));
}

const prelu: GradientRule = ({ node, gradient, emit, needs }) => {
  const [x = '', slope = ''] = node.inputs;
  const dims = emit.dims(x);
  const negative = emit.mul(gradient, emit.op('Min', [x, emit.scalar(0)]));
  return [
    needs(0) ? emit.mul(gradient, leaky(emit, x, slope)) : undefined,
    needs(1) ? unbroadcast(emit, negative, dims, emit.dims(slope)) : undefined,
  ];
};

/** Element-wise functions of one operand. Slopes are written by y where that is cheaper than by x. */
export const activationRules: RuleTable = {
  Relu: unary((emit, _x, y) => emit.mask(emit.op('Greater', [y, emit.scalar(0)]))),
  LeakyRelu: unary((emit, x, _y, node) => leaky(emit, x, emit.scalar(floatAttribute(node, 'alpha', 0.01)))),
  PRelu: prelu,
  Clip: (call) => [
    call.emit.mul(
      call.gradient,
      inside(
        call.emit,
        call.node.inputs[0] ?? '',
        clipBound(call.emit, call.node, 1),
        clipBound(call.emit, call.node, 2),
      ),
    ),
  ],
  Sigmoid: unary((emit, _x, y) => emit.mul(y, emit.sub(emit.scalar(1), y))),
  Tanh: unary((emit, _x, y) => emit.sub(emit.scalar(1), emit.mul(y, y))),
  Exp: unary((_emit, _x, y) => y),
  Log: unary((emit, x) => emit.op('Reciprocal', [x])),
  Sqrt: unary((emit, _x, y) => emit.div(emit.scalar(0.5), y)),
  Reciprocal: unary((emit, _x, y) => emit.neg(emit.mul(y, y))),
  Neg: ({ gradient, emit }) => [emit.neg(gradient)],
  Abs: unary((emit, x) => emit.op('Sign', [x])),
  Sin: unary((emit, x) => emit.op('Cos', [x])),
  Cos: unary((emit, x) => emit.neg(emit.op('Sin', [x]))),
  Erf: unary((emit, x) => emit.scale(emit.op('Exp', [emit.neg(emit.mul(x, x))]), 2 / Math.sqrt(Math.PI))),
  Softplus: unary((emit, x) => emit.op('Sigmoid', [x])),
  Softsign: unary((emit, x) => {
    const denominator = emit.add(emit.op('Abs', [x]), emit.scalar(1));
    return emit.op('Reciprocal', [emit.mul(denominator, denominator)]);
  }),
  /** alpha · (eˣ − 1) below 0: slope y + alpha there. */
  Elu: unary((emit, x, y, node) => leaky(emit, x, emit.add(y, emit.scalar(floatAttribute(node, 'alpha', 1))))),
  Selu: unary((emit, x, y, node) => {
    const alpha = floatAttribute(node, 'alpha', 1.6732631921768188);
    const gamma = floatAttribute(node, 'gamma', 1.0507010221481323);
    return emit.op('Where', [
      emit.op('Greater', [x, emit.scalar(0)]),
      emit.scalar(gamma),
      emit.add(y, emit.scalar(alpha * gamma)),
    ]);
  }),
  Celu: unary((emit, x, _y, node) =>
    leaky(emit, x, emit.op('Exp', [emit.scale(x, 1 / floatAttribute(node, 'alpha', 1))])),
  ),
  ThresholdedRelu: unary((emit, x, _y, node) =>
    emit.mask(emit.op('Greater', [x, emit.scalar(floatAttribute(node, 'alpha', 1))])),
  ),
  HardSigmoid: unary((emit, _x, y, node) => emit.scale(inside(emit, y, 0, 1), floatAttribute(node, 'alpha', 0.2))),
  /** x · max(0, min(1, x/6 + ½)): x/3 + ½ between −3 and 3. */
  HardSwish: unary((emit, x) => {
    const ramp = emit.add(emit.scale(x, 1 / 3), emit.scalar(0.5));
    const upper = emit.op('Where', [emit.op('Greater', [x, emit.scalar(3)]), emit.scalar(1), ramp]);
    return emit.op('Where', [emit.op('Less', [x, emit.scalar(-3)]), emit.scalar(0), upper]);
  }),
  Gelu: unary((emit, x, _y, node) =>
    stringAttribute(node, 'approximate', 'none') === 'tanh'
      ? tanhGeluSlope(emit, x)
      : emit.add(normalDistribution(emit, x), emit.mul(x, normalDensity(emit, x))),
  ),
  /** x · tanh(softplus x). */
  Mish: unary((emit, x) => {
    const t = emit.op('Tanh', [emit.op('Softplus', [x])]);
    return emit.add(t, emit.mul(emit.mul(x, emit.op('Sigmoid', [x])), emit.sub(emit.scalar(1), emit.mul(t, t))));
  }),
  Identity: ({ gradient }) => [gradient],
  /** In inference mode it is the identity. */
  Dropout: ({ gradient }) => [gradient],
};
