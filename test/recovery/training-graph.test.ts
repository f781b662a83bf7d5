import assert from 'node:assert/strict';
import { test } from 'node:test';
import { node } from '../../src/onnx/ir/graph.js';
import { floats } from '../../src/onnx/ir/tensor.js';
import { TrainingGraph } from '../../src/recovery/training-graph.js';
import { smallModel } from '../runtime/small-model.js';

test('scales that several weights share are not trained, since each would train its own', () => {
  const { graph } = smallModel({
    nodes: [node('Mul', ['x', 'scale'], ['y'])],
    inputs: { x: ['float32', [2]] },
    outputs: { y: ['float32', [2]] },
    constants: { scale: floats([3, 4]) },
  });
  const training = new TrainingGraph(graph);
  const first = training.scales('first', floats([3, 4], [2, 1]), 'scale');
  assert.equal(training.storedScales(first), 'scale');
  const second = training.scales('second', floats([3, 4], [1, 2]), 'scale');
  assert.deepEqual(
    [first, second].map((name) => training.storedScales(name)),
    [undefined, undefined],
  );
});
