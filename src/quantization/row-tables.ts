import { floatAttribute, type Node } from '../onnx/ir/graph.js';
import { elements, floats, tensor } from '../onnx/ir/tensor.js';
import { transposed } from '../onnx/ir/transpose.js';
import { transposedPairs } from '../onnx/passes/tied-constants.js';
import type { Rewriting, RowTable } from './rewriting.js';
import { type WeightOperand, weightOperands } from './weight-operands.js';
import { type QuantizedWeights, quantizeWeights } from './weights.js';

/** The table that a look-up reads, under names that are given at its first use; `storeTables` gives them their constants. */
export function rowTable(rewriting: Rewriting, node: Node): RowTable {
  const operand = weightOperands(node, rewriting.plan.graph).find(({ index }) => index === 0);
  if (!operand) throw new Error(`${node.name} has no constant table`);
  const known = rewriting.tables.get(operand.name);
  if (known) return known;
  const [integers, scales] = [rewriting.fresh(`${operand.name}_rows`), rewriting.fresh(`${operand.name}_row_scales`)];
  const table = { operand, integers, scales };
  rewriting.tables.set(operand.name, table);
  return table;
}

/** By weight, the constant and the scales that an integer product reads, where its scales are those of the weights alone. */
function integersOfProducts({ plan, integerWeights }: Rewriting): ReadonlyMap<string, string> {
  const byNode = new Map(integerWeights.map(({ node, constant }) => [node, constant]));
  const constants = new Map<string, string>();
  for (const { node } of plan.decisions.values()) {
    const constant = byNode.get(node.name);
    if (constant === undefined || floatAttribute(node, 'alpha', 1) !== 1) continue;
    const weight = weightOperands(node, plan.graph).find(({ index }) => index === 1);
    if (weight) constants.set(weight.name, constant);
  }
  return constants;
}

/** The integers of a product that multiplies by the rows of a table, as rows again; undefined where they have no scale per row. */
function asRows({ constants }: Rewriting, { tensor: { dims } }: WeightOperand, constant: string): Rows | undefined {
  const integers = constants.get(constant);
  const scales = constants.get(`${constant}_scale`);
  const [rows = 1] = dims;
  if (integers?.dtype !== 'int8' || scales?.dtype !== 'float32') return undefined;
  const values = elements(scales, 'float32');
  const isTurned = `${integers.dims}` !== `${dims}`;
  if (isTurned && `${integers.dims.toReversed()}` !== `${dims}`) return undefined;
  return {
    integers: elements(isTurned ? transposed(integers) : integers, 'int8'),
    scales: values.length === 1 ? new Float32Array(rows).fill(values[0] as number) : values,
  };
}
type Rows = Pick<QuantizedWeights, 'integers' | 'scales'>;

/**
 * Stores the tables of all look-ups, when the weights of all products are stored: a table that is also, as it is or transposed, the
 * weights of an integer product takes over its integers, so that one constant serves both.
 */
export function storeTables(rewriting: Rewriting): void {
  if (rewriting.tables.size === 0) return;
  const products = integersOfProducts(rewriting);
  const pairs = transposedPairs(rewriting.plan.graph);
  for (const { operand, integers, scales } of rewriting.tables.values()) {
    const constant = products.get(operand.name) ?? products.get(pairs.get(operand.name) ?? '');
    const { dims } = operand.tensor;
    const rows: Rows =
      (constant === undefined ? undefined : asRows(rewriting, operand, constant)) ??
      quantizeWeights(elements(operand.tensor, 'float32'), operand.layout, {
        perChannel: true,
        avoidSaturation: false,
      });
    rewriting.constants.set(integers, tensor('int8', dims, rows.integers));
    rewriting.constants.set(scales, floats(rows.scales, [dims[0] ?? 1, 1]));
  }
}
