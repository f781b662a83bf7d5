import type { GraphEditor } from '../../onnx/ir/editor.js';
import { addedBias, type LinearLayer } from './linear-layer.js';

/** What a layer's weights should make: in the student, y = goal − the sum of `others`. */
export interface LayerGoal {
  /** The value that the student's should come close to, by the teacher's name. */
  readonly value: string;
  /** Values of the student that are added to the layer's output before that, known before the layer is solved. */
  readonly others: readonly string[];
}

/**
 * The goal of a layer: its own output, past the bias that is added behind it; and, when it closes a residual block, the block's sum,
 * so that it also makes good what the way around it lost.
 * @param ready whether a value of the student is computed by solved layers alone
 */
export function layerGoal(
  layer: LinearLayer,
  editor: GraphEditor,
  shapes: ReadonlyMap<string, readonly number[]>,
  ready: (value: string) => boolean,
): LayerGoal {
  const { node, biased } = layer;
  const plain = node.opType === 'MatMul' && biased ? addedBias(node, editor)?.add.outputs[0] : node.outputs[0];
  const value = plain ?? '';
  const sum = editor.soleConsumer(value);
  const other = sum?.opType === 'Add' ? sum.inputs.find((input) => input !== value) : undefined;
  const [total = ''] = sum?.outputs ?? [];
  const shape = (name: string) => shapes.get(name)?.join();
  const closes = other !== undefined && !editor.constant(other) && shape(other) === shape(total) && ready(other);
  return closes ? { value: total, others: [other] } : { value, others: [] };
}
