import { cloneModel } from '../ir/clone.js';
import { type Graph, intAttribute, type Model, type Node } from '../ir/graph.js';
import { int64s, type Tensor } from '../ir/tensor.js';
import { constantBranches } from '../passes/constant-branches.js';
import { foldConstants, mostFolded } from '../passes/fold-constants.js';
import { type RecordedShape, type RunModel, recordShapes } from './record-shapes.js';
import { staticShapes } from './static-shapes.js';

/** Every round unfolds one more level of nested Ifs; models nest a handful. */
const MOST_ROUNDS = 20;

/** What Shape or Size gives for a value of these dimensions. */
function shapeConstant(node: Node, dims: readonly number[]): Tensor {
  if (node.opType === 'Size') return int64s([dims.reduce((product, size) => product * size, 1)], []);
  return int64s(dims.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end', dims.length)));
}

/** Shape and Size of values whose shape is settled become constants. */
function foldShapeNodes(graph: Graph, shapes: ReadonlyMap<string, RecordedShape>): number {
  const settled = staticShapes(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const before = graph.nodes.length;
  graph.nodes = graph.nodes.filter((node) => {
    const [value = ''] = node.inputs;
    const [output = ''] = node.outputs;
    const recorded = ['Shape', 'Size'].includes(node.opType) && settled.has(value) ? shapes.get(value) : undefined;
    if (!recorded || node.domain !== '' || outputs.has(output)) return true;
    graph.initializers.set(output, shapeConstant(node, recorded.dims));
    return false;
  });
  return before - graph.nodes.length;
}

/**
 * The same model for inputs of fixed shapes: everything that only computes with shapes becomes constant, and Ifs that ask for shapes
 * disappear. It accepts no other shapes any more. Best after `cleanUp`, and followed by it again.
 * @param inputs what the model will be fed: name → a tensor of the shape to pin
 * @param run runs a model once on those inputs, as far as it has them
 * @returns the model and how many nodes were replaced by constants or by their taken branch
 */
export async function pinShapes(
  model: Model,
  inputs: ReadonlyMap<string, Tensor>,
  run: RunModel,
): Promise<{ model: Model; changes: number }> {
  const pinned = cloneModel(model);
  const { graph } = pinned;
  graph.inputs = graph.inputs.map((input) => {
    const tensor = inputs.get(input.name);
    return tensor ? { ...input, type: { kind: 'tensor', dtype: tensor.dtype, shape: [...tensor.dims] } } : input;
  });
  // Shapes that the exporter recorded with symbols would contradict the pinned ones.
  graph.values.clear();
  graph.outputs = graph.outputs.map((output) =>
    output.type?.kind === 'tensor' ? { ...output, type: { ...output.type, shape: null } } : output,
  );
  const mostBytes = mostFolded(graph);
  let total = 0;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const shapes = await recordShapes(pinned, run, inputs);
    const changes =
      foldShapeNodes(graph, shapes) + (await foldConstants(pinned, run, mostBytes)) + constantBranches.run(graph);
    if (changes === 0) {
      graph.outputs = graph.outputs.map((output) => withShape(output, shapes.get(output.name), staticShapes(graph)));
      break;
    }
    total += changes;
  }
  return { model: pinned, changes: total };
}

function withShape(
  output: Graph['outputs'][number],
  recorded: RecordedShape | undefined,
  settled: ReadonlySet<string>,
) {
  if (!recorded || !settled.has(output.name)) return output;
  return { ...output, type: { kind: 'tensor', dtype: recorded.dtype, shape: recorded.dims } as const };
}
