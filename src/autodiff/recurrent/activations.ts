import {
  type Attribute,
  float,
  floatAttribute,
  floatsAttribute,
  type Node,
  stringsAttribute,
} from '../../onnx/ir/graph.js';
import type { Expression } from './expression.js';

type Activation = (x: Expression, value: string, alpha: number, beta: number) => string;

const withAlpha =
  (opType: string): Activation =>
  (x, value, alpha) =>
    x.same(opType, [value], { alpha: float(alpha) });
const plain =
  (opType: string): Activation =>
  (x, value) =>
    x.same(opType, [value]);

/** Activation functions of recurrent operators: how they are written, and the defaults of those that have parameters (ONNX, operator RNN). */
const ACTIVATIONS: Readonly<
  Record<string, { readonly write: Activation; readonly alpha?: number; readonly beta?: number }>
> = {
  sigmoid: { write: plain('Sigmoid') },
  tanh: { write: plain('Tanh') },
  relu: { write: plain('Relu') },
  softsign: { write: plain('Softsign') },
  softplus: { write: plain('Softplus') },
  elu: { write: withAlpha('Elu'), alpha: 1 },
  leakyrelu: { write: withAlpha('LeakyRelu'), alpha: 0.01 },
  thresholdedrelu: { write: withAlpha('ThresholdedRelu'), alpha: 1 },
  affine: { write: (x, value, alpha, beta) => x.shift(x.scale(value, alpha), beta), alpha: 1, beta: 0 },
  scaledtanh: {
    write: (x, value, alpha, beta) => x.scale(x.same('Tanh', [x.scale(value, beta)]), alpha),
    alpha: 1,
    beta: 1,
  },
  hardsigmoid: {
    write: (x, value, alpha, beta) => {
      const attributes: Record<string, Attribute> = { alpha: float(alpha), beta: float(beta) };
      return x.same('HardSigmoid', [value], attributes);
    },
    alpha: 0.2,
    beta: 0.5,
  },
};

/** A function of a value, with the clipping of its operator before it. */
export type Activate = (x: Expression, value: string) => string;

/**
 * The activation functions of a recurrent node, direction after direction. Names do not mind their case; parameters are taken from the lists of the
 * node in the order of the functions that have them.
 * @throws Error for a function that ONNX does not define
 */
export function activationsOf(node: Node, defaults: readonly string[], directions: number): Activate[][] {
  const names = stringsAttribute(node, 'activations') ?? Array.from({ length: directions }, () => defaults).flat();
  const alphas = [...(floatsAttribute(node, 'activation_alpha') ?? [])];
  const betas = [...(floatsAttribute(node, 'activation_beta') ?? [])];
  const limit = floatAttribute(node, 'clip', 0);
  const all = names.map((name): Activate => {
    const known = ACTIVATIONS[name.toLowerCase()];
    if (!known) throw new Error(`there is no activation function ${name}`);
    const alpha = known.alpha === undefined ? 0 : (alphas.shift() ?? known.alpha);
    const beta = known.beta === undefined ? 0 : (betas.shift() ?? known.beta);
    return (x, value) => {
      const bounds = limit > 0 ? [x.emit.scalar(-limit), x.emit.scalar(limit)] : [];
      return known.write(x, limit > 0 ? x.same('Clip', [value, ...bounds]) : value, alpha, beta);
    };
  });
  return Array.from({ length: directions }, (_, d) => all.slice(d * defaults.length, (d + 1) * defaults.length));
}
