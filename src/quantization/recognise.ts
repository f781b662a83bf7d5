import { isIntegerOperator } from '../contracts/operators.js';
import { type Graph, type Model, subgraphs } from '../onnx/ir/graph.js';
import { ServiceError } from '../platform/errors.js';

function visit(graph: Graph, seen: (graph: Graph) => void): void {
  seen(graph);
  for (const node of graph.nodes) for (const inner of subgraphs(node)) visit(inner, seen);
}

/**
 * Refuses a model whose numbers are not float32 any more: quantizing it again would only add error.
 * @throws ServiceError already_quantized
 */
export function refuseQuantized(model: Model): void {
  let half = 0;
  let single = 0;
  visit(model.graph, (graph) => {
    const found = graph.nodes.find((node) => isIntegerOperator(node.opType));
    if (found) {
      throw new ServiceError(
        'already_quantized',
        `The model holds ${found.opType}: its numbers are integers already.`,
        {
          node: { name: found.name, op_type: found.opType },
          hint: 'Upload the FP32 model that it was made from.',
        },
      );
    }
    for (const { dtype, bytes } of graph.initializers.values()) {
      if (dtype === 'float16' || dtype === 'bfloat16') half += bytes.byteLength;
      if (dtype === 'float32') single += bytes.byteLength;
    }
  });
  if (half > single) {
    throw new ServiceError('already_quantized', 'Most weights of the model are stored in 16 bits.', {
      hint: 'Upload the FP32 model that it was made from.',
    });
  }
}
