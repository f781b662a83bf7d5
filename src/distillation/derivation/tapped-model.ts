import { cloneModel } from '../../onnx/ir/clone.js';
import type { Model } from '../../onnx/ir/graph.js';
import { deadCode } from '../../onnx/passes/dead-code.js';
import { encodeModel } from '../../onnx/serde/encode-model.js';
import { type Session, withSession } from '../../runtime/session.js';
import { MEASURING } from './teacher-network.js';

/** Opens the part of a model that makes these values of its main graph, its only outputs; the rest is not run, inputs left out. */
export function withTaps<Result>(
  model: Model,
  values: readonly string[],
  threads: number,
  use: (session: Session) => Promise<Result>,
): Promise<Result> {
  const part = cloneModel(model);
  const fed = new Set(part.graph.inputs.map(({ name }) => name));
  part.graph.outputs = [...new Set(values)].filter((name) => !fed.has(name)).map((name) => ({ name, type: null }));
  deadCode.run(part.graph);
  return withSession(encodeModel(part), { threads, optimization: MEASURING }, use);
}
