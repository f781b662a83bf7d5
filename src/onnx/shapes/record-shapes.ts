import type { ElementType } from '../../contracts/signature.js';
import { cloneModel } from '../ir/clone.js';
import { GraphEditor } from '../ir/editor.js';
import { type Model, node as makeNode, type Value } from '../ir/graph.js';
import { int64s, integers, type Tensor } from '../ir/tensor.js';
import { makesTensors } from '../ir/tensor-operators.js';

/** Runs a model on inputs that the caller has chosen and gives the wanted outputs. */
export type RunModel = (model: Model, fetches: readonly string[]) => Promise<ReadonlyMap<string, Tensor>>;

export interface RecordedShape {
  readonly dtype: ElementType;
  readonly dims: readonly number[];
}

/** Outputs that tell of a value without holding it: its shape, and none of its elements, which still have its type. */
interface Probe {
  readonly shape: string;
  readonly nothing: string;
}

/** Opset from which Slice takes its bounds as inputs, as the probes write it; older graphs are read out whole. */
const PROBING_OPSET = 10;

/**
 * The model with a probe of each value as its only outputs. ONNX Runtime begins with what stands last, so the probes stand in reverse
 * order: each value is freed as soon as its probe and the next layers have read it, however many there are.
 */
function withProbes(model: Model, values: readonly string[]): { model: Model; probes: ReadonlyMap<string, Probe> } {
  const probed = cloneModel(model);
  const { graph } = probed;
  const editor = new GraphEditor(graph);
  const flat = editor.addConstant('probe_flat', int64s([-1]));
  const zero = editor.addConstant('probe_zero', int64s([0]));
  const probes = new Map<string, Probe>();
  for (const value of values.toReversed()) {
    const [shape, vector, nothing] = ['shape', 'vector', 'nothing'].map((what) =>
      editor.freshName(`${value}_probe_${what}`),
    ) as [string, string, string];
    graph.nodes.push(
      makeNode('Shape', [value], [shape]),
      makeNode('Reshape', [value, flat], [vector]),
      makeNode('Slice', [vector, zero, zero], [nothing]),
    );
    probes.set(value, { shape, nothing });
  }
  const names = [...probes.values()].flatMap(({ shape, nothing }) => [shape, nothing]);
  graph.outputs = names.map((name): Value => ({ name, type: null }));
  return { model: probed, probes };
}

/** The values themselves as outputs. */
async function readOut(model: Model, values: readonly string[], run: RunModel): Promise<Map<string, RecordedShape>> {
  const exposed = cloneModel(model);
  const already = new Set(exposed.graph.outputs.map(({ name }) => name));
  exposed.graph.outputs.push(...values.filter((name) => !already.has(name)).map((name) => ({ name, type: null })));
  const found = await run(exposed, values);
  return new Map([...found].map(([name, { dtype, dims }]) => [name, { dtype, dims: [...dims] }]));
}

/**
 * Type and shape of every input, constant and value of the main graph, as one run has them. Values inside subgraphs, and values that are
 * no tensors (sequences, optionals), are not recorded.
 * @param run runs the given model once (ONNX Runtime, with some sample as input)
 * @param inputs what `run` feeds, to record it too
 */
export async function recordShapes(
  model: Model,
  run: RunModel,
  inputs: ReadonlyMap<string, Tensor> = new Map(),
): Promise<Map<string, RecordedShape>> {
  const { graph } = model;
  const opaque = (name: string) => graph.values.get(name)?.kind === 'opaque';
  const outputs = graph.outputs.filter(({ type }) => type?.kind !== 'opaque').map(({ name }) => name);
  const made = graph.nodes
    .filter(makesTensors)
    .flatMap((node) => node.outputs.filter((name) => name !== '' && !opaque(name)));
  const values = [...new Set([...made, ...outputs])];
  const known = [...graph.initializers, ...inputs].map(([name, { dtype, dims }]): [string, RecordedShape] => [
    name,
    { dtype, dims: [...dims] },
  ]);
  if ((model.opsets.get('') ?? 0) < PROBING_OPSET) return new Map([...known, ...(await readOut(model, values, run))]);
  const { model: probed, probes } = withProbes(model, values);
  const found = await run(
    probed,
    [...probes.values()].flatMap(({ shape, nothing }) => [shape, nothing]),
  );
  const recorded = [...probes].flatMap(([value, { shape, nothing }]): [string, RecordedShape][] => {
    const [dims, type] = [found.get(shape), found.get(nothing)];
    return dims && type ? [[value, { dtype: type.dtype, dims: integers(dims) }]] : [];
  });
  return new Map([...known, ...recorded]);
}
