import { cloneModel } from '../../onnx/ir/clone.js';
import type { Model } from '../../onnx/ir/graph.js';
import { raiseOpset } from '../../onnx/opset/raise-opset.js';
import { constantNodes } from '../../onnx/passes/constant-nodes.js';
import { freezeConstants } from '../../onnx/passes/freeze-constants.js';
import { TRAINING_OPSET } from '../program.js';

/** The same student as a training graph wants it: the training operator set, every constant an initializer. */
export function prepareStudent(student: Model): Model {
  const prepared = cloneModel(student);
  for (const pass of [freezeConstants, constantNodes]) pass.run(prepared.graph);
  return raiseOpset(prepared, TRAINING_OPSET).model;
}
