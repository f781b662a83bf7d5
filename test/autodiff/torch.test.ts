import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { float, node } from '../../src/onnx/ir/graph.js';
import { int64s, type Tensor, tensor } from '../../src/onnx/ir/tensor.js';
import type { Attributes } from './cases/node-case.js';
import { differentiate } from './differentiate.js';
import { assertGradients, readGolden, type Stored, stored, type TorchCase, variablesOf } from './torch-golden.js';

type StoredAttribute = number | string | readonly number[] | { readonly float: number };
/** Operator, inputs, attributes, outputs; y alone where none are named. */
type StoredNode = readonly [string, readonly string[], Readonly<Record<string, StoredAttribute>>, (readonly string[])?];

const golden = readGolden<{
  readonly source: string;
  readonly cases: readonly (TorchCase & {
    readonly operator: string;
    readonly opset: number;
    readonly nodes: readonly StoredNode[];
    readonly constants: Readonly<Record<string, Stored & { readonly dtype: string }>>;
  })[];
}>('gradients');

const READERS: Readonly<Record<string, (stored: Stored) => Tensor>> = {
  float32: stored,
  int64: ({ dims, values }) => int64s(values, dims),
  uint8: ({ dims, values }) => tensor('uint8', dims, Uint8Array.from(values)),
  bool: ({ dims, values }) => tensor('bool', dims, Uint8Array.from(values)),
};
const constant = (each: Stored & { readonly dtype: string }): Tensor =>
  READERS[each.dtype]?.(each) ?? assert.fail(`no reader of ${each.dtype}`);

const attributesOf = (given: StoredNode[2]): Attributes =>
  Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name,
      typeof value === 'object' && 'float' in value ? float(value.float) : value,
    ]),
  );

describe(`gradients of ${golden.source}`, () => {
  for (const each of golden.cases) {
    const { operator, opset, seed } = each;
    test(`${operator} ${JSON.stringify(each.nodes.at(-1)?.[2])}`, async () => {
      const nodes = each.nodes.map(([opType, inputs, attributes, outputs = ['y']]) =>
        node(opType, inputs, outputs, { attributes: attributesOf(attributes) }),
      );
      const constants = Object.fromEntries(Object.entries(each.constants).map(([name, of]) => [name, constant(of)]));
      const expression = { nodes, constants, output: 'y', opset };
      const { gradients } = await differentiate(expression, variablesOf(each), () => stored(seed));
      assertGradients(each, gradients);
    });
  }
});
