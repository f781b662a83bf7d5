import { cloneModel } from '../../onnx/ir/clone.js';
import type { Model } from '../../onnx/ir/graph.js';
import { floats } from '../../onnx/ir/tensor.js';
import { cleanUp } from '../../onnx/passes/clean-up.js';
import type { Parameters } from '../optimizers/optimizer.js';

/** The trained student as an ordinary inference model: weights put back, BatchNormalization folded into the layers beside it. */
export async function exportStudent(student: Model, weights: Parameters, signal?: AbortSignal): Promise<Model> {
  const trained = cloneModel(student);
  const { initializers } = trained.graph;
  for (const [name, values] of weights) initializers.set(name, floats(values, initializers.get(name)?.dims));
  return (await cleanUp(trained, signal ? { signal } : {})).model;
}
