import { cloneModel } from '../../onnx/ir/clone.js';
import { GraphEditor } from '../../onnx/ir/editor.js';
import { node as create, type Model, type Node, type Value } from '../../onnx/ir/graph.js';
import { elements, type Tensor } from '../../onnx/ir/tensor.js';
import { type CalibrationTask, calibrationRows } from '../calibration/task.js';
import { MEASURING, withModelSession } from '../model-session.js';
import type { Plan } from '../plan.js';
import { weightOperands } from '../weight-operands.js';

/** Samples whose means are compared: a mean over positions and samples needs few. */
const SAMPLES = 64;

/** A layer whose bias can be corrected: its result [n, channels, …], by its name in both models. */
interface Corrected {
  readonly node: Node;
  /** Dimensions of its result. */
  readonly rank: number;
  readonly channels: number;
}

function correctedLayers({ decisions, graph }: Plan): Corrected[] {
  return [...decisions.values()].flatMap(({ node, treatment }) => {
    const weight = weightOperands(node, graph).find(({ index }) => index === 1);
    if (treatment !== 'static' || !weight || (node.opType !== 'Conv' && node.opType !== 'Gemm')) return [];
    return [{ node, rank: weight.tensor.dims.length, channels: weight.layout.channels }];
  });
}

/** The mean of each channel over all positions: [n, channels, 1, …]. */
const meanOver = (value: string, mean: string) => create('GlobalAveragePool', [value], [mean]);

const asOutput = (name: string): Value => ({ name, type: { kind: 'tensor', dtype: 'float32', shape: null } });

/** The float model with the mean of each channel of each layer's result, one sample at a time, as its outputs. */
function withMeans(model: Model, layers: readonly Corrected[]) {
  const result = cloneModel(model);
  const editor = new GraphEditor(result.graph);
  const names = new Map<string, string>();
  for (const { node, rank } of layers) {
    const value = node.outputs[0] ?? '';
    // A Gemm has one position: its result is its mean.
    const mean = rank === 2 ? value : editor.freshName(`${value}_mean`);
    if (rank !== 2) result.graph.nodes.push(meanOver(value, mean));
    names.set(node.name, mean);
  }
  result.graph.outputs = [...names.values()].map(asOutput);
  return { model: result, names };
}

/**
 * The quantized model that corrects itself as it runs: it takes the float means as inputs, moves the result of each layer to them before
 * anything reads it, and gives by how much. So each layer sees what the corrections before it leave, in one run.
 */
function selfCorrecting(model: Model, layers: readonly Corrected[]) {
  const result = cloneModel(model);
  const editor = new GraphEditor(result.graph);
  const names = new Map<string, { readonly mean: string; readonly shift: string }>();
  for (const { node, rank } of layers) {
    const current = result.graph.nodes.find(({ name, opType }) => name === node.name && opType === node.opType);
    if (!current) continue;
    const value = current.outputs[0] ?? '';
    const [raw, own] = [editor.freshName(`${value}_raw`), editor.freshName(`${value}_own_mean`)];
    const [mean, shift] = [editor.freshName(`${value}_float_mean`), editor.freshName(`${value}_shift`)];
    editor.replace(
      current,
      Object.freeze({ ...current, outputs: [raw] }),
      ...(rank === 2 ? [] : [meanOver(raw, own)]),
      create('Sub', [mean, rank === 2 ? raw : own], [shift]),
      create('Add', [raw, shift], [value]),
    );
    result.graph.inputs.push(asOutput(mean));
    names.set(node.name, { mean, shift });
  }
  result.graph.outputs = [...names.values()].map(({ shift }) => asOutput(shift));
  return { model: result, names };
}

export interface EmpiricalBiasTask extends Omit<CalibrationTask, 'values' | 'model'> {
  readonly float: Model;
  readonly quantized: Model;
  readonly plan: Plan;
}

/**
 * By how much the result of each integer Conv and Gemm must be moved so that the mean of each channel is that of the float model, with the
 * layers before it moved already: what rounding weights and activations, clipping and padded borders really do (Nagel et al., "Data-Free
 * Quantization", 2019, appendix D). Each sample runs once through both models.
 * @returns the shifts by node
 * @throws ServiceError dataset_too_small, model_run_failed; the reason of `signal` when it is aborted
 */
export async function measureBiasShifts(task: EmpiricalBiasTask): Promise<Map<string, Float64Array>> {
  const { samples, threads, scratch, signal } = task;
  const layers = correctedLayers(task.plan);
  const shifts = new Map(layers.map(({ node, channels }) => [node.name, new Float64Array(channels)]));
  if (layers.length === 0) return shifts;
  const indices = task.indices.slice(0, SAMPLES * (samples.batch ?? 1));
  const rows = calibrationRows({ indices, samples });
  const session = { threads, scratch, optimization: MEASURING } as const;
  const float = withMeans(task.float, layers);
  const quantized = selfCorrecting(task.quantized, layers);
  await withModelSession(float.model, session, (reference) =>
    withModelSession(quantized.model, session, async ({ run }) => {
      for (const [position, row] of rows.entries()) {
        signal.throwIfAborted();
        const feeds = await samples.feeds(row);
        const means = await reference.run(feeds);
        const fed = [...quantized.names].map(([node, { mean }]): [string, Tensor] => [
          mean,
          means.get(float.names.get(node) ?? '') as Tensor,
        ]);
        const found = await run(new Map([...feeds, ...fed]));
        for (const [node, { shift }] of quantized.names)
          addMeans(shifts.get(node) as Float64Array, elements(found.get(shift) as Tensor, 'float32'), rows.length);
        task.progress((position + 1) / rows.length);
      }
    }),
  );
  return shifts;
}

/** Adds the mean over samples of [n, channels], divided by the number of runs. */
function addMeans(total: Float64Array, values: Float32Array, runs: number): void {
  const samples = values.length / total.length;
  values.forEach((value, i) => {
    (total[i % total.length] as number) += value / (samples * runs);
  });
}
