import { floatAttribute, type Node } from '../onnx/ir/graph.js';

const DEFAULT_MOMENTUM = 0.9;

/** Where a running mean or variance comes from: the batch's own in an output, mixed in as momentum · old + (1 − momentum) · batch. */
export interface BatchStatistic {
  readonly output: string;
  readonly momentum: number;
}

/**
 * In training mode BatchNormalization normalizes with the batch's statistics; with momentum 0 it gives exactly these as outputs 1 and 2, which its
 * gradient needs too. The running ones are mixed outside the graph.
 */
export function trainedNormalization(node: Node): Node {
  if (!isNormalization(node)) return node;
  const [y = '', mean = `${y}/batch_mean`, variance = `${y}/batch_variance`] = node.outputs;
  const attributes = new Map(node.attributes)
    .set('training_mode', { kind: 'int', value: 1n })
    .set('momentum', { kind: 'float', value: 0 });
  return { ...node, attributes, outputs: [y, mean, variance] };
}

const isNormalization = ({ opType, domain }: Node) => opType === 'BatchNormalization' && domain === '';

/** The batch statistics by the running ones, which are weights of the student, that they update. @param nodes of the student as it was */
export function batchStatistics(nodes: readonly Node[]): Map<string, BatchStatistic> {
  return new Map(
    nodes.filter(isNormalization).flatMap((node): [string, BatchStatistic][] => {
      const { inputs, outputs } = trainedNormalization(node);
      const momentum = floatAttribute(node, 'momentum', DEFAULT_MOMENTUM);
      return [1, 2].map((i) => [inputs[i + 2] ?? '', { output: outputs[i] ?? '', momentum }]);
    }),
  );
}

/** Mixes a batch's statistics into the running ones, in place. */
export function mixStatistics(running: Float32Array, batch: Float32Array, momentum: number): void {
  for (let i = 0; i < running.length; i++)
    running[i] = momentum * (running[i] as number) + (1 - momentum) * (batch[i] as number);
}
