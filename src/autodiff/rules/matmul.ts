import { float, floatAttribute, intAttribute } from '../../onnx/ir/graph.js';
import { broadcastDims, unbroadcast } from '../broadcast.js';
import type { Emitter } from '../emitter.js';
import type { GradientRule, RuleTable } from '../rule.js';

/** One big product instead of a batched one and a sum: B's gradient where every batch shares the matrix B [K, N]. */
function sharedMatrixGradient(
  emit: Emitter,
  a: string,
  aDims: readonly number[],
  gradient: string,
  columns: number,
): string {
  const inner = aDims.at(-1) ?? 1;
  const rows = emit.reshape(a, [-1, inner]);
  return emit.op('Gemm', [rows, emit.reshape(gradient, [-1, columns])], { transA: 1 });
}

/** Y = A · B over the last two axes: dA = g · Bᵀ, dB = Aᵀ · g; a vector operand counts as a row (A) or column (B). */
const matmul: GradientRule = ({ node, gradient, emit, needs }) => {
  const [a = '', b = ''] = node.inputs;
  const aDims = emit.dims(a);
  const bDims = emit.dims(b);
  const aMatrix = aDims.length === 1 ? [1, ...aDims] : aDims;
  const bMatrix = bDims.length === 1 ? [...bDims, 1] : bDims;
  const rows = aMatrix.at(-2) ?? 1;
  const columns = bMatrix.at(-1) ?? 1;
  const batch = broadcastDims(aMatrix.slice(0, -2), bMatrix.slice(0, -2));
  const promoted = (value: string, dims: readonly number[], matrix: readonly number[]) =>
    dims.length === 1 ? emit.reshape(value, matrix) : value;
  const left = promoted(a, aDims, aMatrix);
  const right = promoted(b, bDims, bMatrix);
  const g = aDims.length === 1 || bDims.length === 1 ? emit.reshape(gradient, [...batch, rows, columns]) : gradient;
  const restored = (value: string, dims: readonly number[]) => (dims.length === 1 ? emit.reshape(value, dims) : value);

  const byA = () =>
    unbroadcast(emit, emit.matmul(g, right, { transB: true }), [...batch, rows, aMatrix.at(-1) ?? 1], aMatrix);
  const byB = () =>
    bMatrix.length === 2 && aMatrix.length > 2
      ? sharedMatrixGradient(emit, left, aMatrix, g, columns)
      : unbroadcast(emit, emit.matmul(left, g, { transA: true }), [...batch, bMatrix.at(-2) ?? 1, columns], bMatrix);
  return [needs(0) ? restored(byA(), aDims) : undefined, needs(1) ? restored(byB(), bDims) : undefined];
};

/** Y = alpha · op(A) · op(B) + beta · C. */
const gemm: GradientRule = ({ node, gradient: g, emit, needs }) => {
  const [a = '', b = '', c = ''] = node.inputs;
  const transA = intAttribute(node, 'transA', 0) === 1;
  const transB = intAttribute(node, 'transB', 0) === 1;
  const alpha = float(floatAttribute(node, 'alpha', 1));
  const product = (left: string, right: string, tA: boolean, tB: boolean) =>
    emit.op('Gemm', [left, right], { transA: Number(tA), transB: Number(tB), alpha });
  return [
    needs(0) ? (transA ? product(b, g, transB, true) : product(g, b, false, !transB)) : undefined,
    needs(1) ? (transB ? product(g, a, true, transA) : product(a, g, !transA, false)) : undefined,
    c !== '' && needs(2)
      ? unbroadcast(
          emit,
          emit.scale(g, floatAttribute(node, 'beta', 1)),
          emit.dims(node.outputs[0] ?? ''),
          emit.dims(c),
        )
      : undefined,
  ];
};

export const matmulRules: RuleTable = { MatMul: matmul, Gemm: gemm };
