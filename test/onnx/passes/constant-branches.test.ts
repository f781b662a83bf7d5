import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Graph, node } from '../../../src/onnx/ir/graph.js';
import { floats, type Tensor } from '../../../src/onnx/ir/tensor.js';
import { constantBranches } from '../../../src/onnx/passes/constant-branches.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { bytesEqual, runModel } from '../session.js';
import { smallModel } from '../small-model.js';

const bool = (value: boolean): Tensor => ({ dtype: 'bool', dims: [], bytes: Uint8Array.of(value ? 1 : 0) });
/** A branch x ∘ c whose constant and value have the names of outer ones, or that hands an outer value on. */
const branches = (): { then_branch: Graph; else_branch: Graph } => ({
  then_branch: {
    name: 'then',
    nodes: [node('Mul', ['x', 'c'], ['h'])],
    inputs: [],
    outputs: [{ name: 'h', type: null }],
    initializers: new Map([['c', floats([3], [])]]),
    values: new Map(),
  },
  else_branch: {
    name: 'else',
    nodes: [],
    inputs: [],
    outputs: [{ name: 'g', type: null }],
    initializers: new Map(),
    values: new Map(),
  },
});

for (const condition of [true, false]) {
  test(`an If whose condition is ${condition} becomes its branch`, async () => {
    const { then_branch, else_branch } = branches();
    const model = smallModel({
      inputs: { x: [4] },
      outputs: ['y'],
      constants: { yes: bool(condition), c: floats([100], []) },
      nodes: [
        node('Add', ['x', 'c'], ['g']),
        node('If', ['yes'], ['z'], {
          attributes: {
            then_branch: { kind: 'graph', value: then_branch },
            else_branch: { kind: 'graph', value: else_branch },
          },
        }),
        node('Sub', ['z', 'c'], ['h']),
        node('Neg', ['h'], ['y']),
      ],
    });
    const feeds = new Map([['x', floats([1, 2, 3, 4])]]);
    // Inner and outer `h` and `c` are different values: ONNX Runtime takes the model only after they are told apart.
    const expected = condition ? [97, 94, 91, 88] : [-1, -2, -3, -4];
    assert.equal(constantBranches.run(model.graph), 1);
    const found = (await runModel(encodeModel(model), feeds)).get('y');
    assert.ok(found && bytesEqual(found, floats(expected)));
    assert.equal(constantBranches.run(model.graph), 0);
  });
}
