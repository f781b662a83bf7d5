import { fromBinary } from '@bufbuild/protobuf';
import { type GraphProto, type ModelProto, ModelProtoSchema, type TensorProto } from 'onnx-buf';

/** What another parser of ONNX (onnx-buf) counts in a model: the reference for the scan's own reader. */
export interface Counts {
  readonly opsets: Readonly<Record<string, number>>;
  readonly domains: ReadonlySet<string>;
  readonly nodes: number;
  readonly parameters: number;
  readonly operators: Readonly<Record<string, number>>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

const canonical = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);
const size = (tensor: TensorProto): number => tensor.dims.reduce((product, dim) => product * Number(dim), 1);

export function countIndependently(bytes: Uint8Array): Counts {
  const model: ModelProto = fromBinary(ModelProtoSchema, bytes);
  const operators: Record<string, number> = {};
  const domains = new Set<string>();
  let nodes = 0;
  let parameters = 0;
  const visit = (graph: GraphProto): void => {
    for (const tensor of graph.initializer) parameters += size(tensor);
    for (const node of graph.node) {
      nodes++;
      const domain = canonical(node.domain);
      const label = domain === '' ? node.opType : `${domain}::${node.opType}`;
      operators[label] = (operators[label] ?? 0) + 1;
      domains.add(domain);
      for (const attribute of node.attribute) {
        if (attribute.t && node.opType === 'Constant') parameters += size(attribute.t);
        for (const inner of [attribute.g, ...attribute.graphs]) if (inner) visit(inner);
      }
    }
  };
  if (model.graph) visit(model.graph);
  const initializers = new Set(model.graph?.initializer.map((tensor) => tensor.name));
  return {
    opsets: Object.fromEntries(model.opsetImport.map(({ domain, version }) => [canonical(domain), Number(version)])),
    domains,
    nodes,
    parameters,
    operators,
    inputs: (model.graph?.input ?? []).map((input) => input.name).filter((name) => !initializers.has(name)),
    outputs: (model.graph?.output ?? []).map((output) => output.name),
  };
}
