import type { SettledStep } from '../contracts/quantize-step.js';
import type { NodeReport, StageReport } from '../contracts/report.js';
import type { Model } from '../onnx/ir/graph.js';
import { blockSize } from '../onnx/passes/blocked-layout.js';
import { cleanUp } from '../onnx/passes/clean-up.js';
import { withTransposedConstants } from '../onnx/passes/tied-constants.js';
import { tuneForCpu } from '../onnx/passes/tune-for-cpu.js';
import type { RecordedShape } from '../onnx/shapes/record-shapes.js';
import { ServiceError } from '../platform/errors.js';
import type { Scheme } from './apply-scheme.js';
import { buildScheme, refuseWithoutSamples } from './build-scheme.js';
import type { CalibrationMemory } from './calibration/calibration-memory.js';
import { portabilityNotes } from './certify.js';
import { measureSqnr } from './measure-sqnr.js';
import { withUniqueNames } from './names.js';
import { withNeededOpset } from './needed-opset.js';
import { selectNodes } from './node-selection.js';
import { runsInInteger } from './plan.js';
import { refuseQuantized } from './recognise.js';
import { reportNodes, resultOf } from './report-nodes.js';
import type { QuantizationSamples } from './samples.js';
import { notesOn } from './scheme-notes.js';
import { runOnce, shapesOnSample } from './shapes.js';
import { noteOn } from './transforms/note.js';

/** Samples on which the error of each node is measured: a mean of squares over thousands of elements needs few. */
const SQNR_SAMPLES = 8;

/** Phases in order, and the fraction of the whole at which each ends. */
const PHASES = { clean: 0.1, calibrate: 0.6, rewrite: 0.75, compare: 1 } as const;
export type QuantizePhase = keyof typeof PHASES;

export interface QuantizeOptions {
  readonly model: Model;
  readonly step: SettledStep;
  /** Nodes that an earlier trial found to cost too much of the metric: they run in float, whatever the scheme. */
  readonly keptInFloat?: readonly string[];
  readonly samples: QuantizationSamples | null;
  /** Sample indices; those of calibration and selection are never the evaluation's. */
  readonly calibration: readonly number[];
  readonly selection: readonly number[];
  /** What was measured before on samples of the same dataset. */
  readonly calibrationMemory?: CalibrationMemory;
  readonly cpu: { readonly instructionSets: readonly string[] };
  readonly threads: number;
  readonly scratch: string;
  readonly signal: AbortSignal;
  /** @param fraction of the whole work, from 0 to 1 */
  readonly progress: (phase: QuantizePhase, fraction: number) => void;
}

type StageFields = Pick<
  StageReport,
  'passes' | 'calibration' | 'weights' | 'refinements' | 'integer_nodes' | 'float_nodes' | 'executed' | 'notes'
>;
export interface Quantized extends StageFields {
  readonly model: Model;
  /** The model after the lossless clean-up, tuned for the CPU, in FP32. */
  readonly cleaned: Model;
  readonly nodes: NodeReport[];
}

/** Progress of a phase as progress of the whole. */
function overall(options: QuantizeOptions): (phase: QuantizePhase, fraction: number) => void {
  const names = Object.keys(PHASES) as QuantizePhase[];
  return (phase, fraction) => {
    const before = names[names.indexOf(phase) - 1];
    const start = before ? PHASES[before] : 0;
    options.progress(phase, start + fraction * (PHASES[phase] - start));
  };
}

/**
 * Carries out a quantize step: cleans the graph up without loss, stores its numbers as the scheme says, and
 * suits what runs in float to the CPU.
 * @throws ServiceError unknown_node, already_quantized, nothing_to_quantize, dataset_required, model_load_failed, model_run_failed
 */
export async function quantizeModel(options: QuantizeOptions): Promise<Quantized> {
  const { step, samples, signal, threads, scratch } = options;
  const progress = overall(options);
  const named: Model = {
    ...options.model,
    graph: { ...options.model.graph, nodes: withUniqueNames(options.model.graph.nodes) },
  };
  const selected = selectNodes(named.graph.nodes, step);
  if (step.scheme !== 'optimized') refuseQuantized(named);
  progress('clean', 0);
  const block = blockSize(options.cpu.instructionSets);
  const run = runOnce({ threads, scratch }, new Map());
  const { model: clean, passes } = await cleanUp(named, { run, signal, padTo: step.pad_channels ? block : 1 });
  const raised = withNeededOpset(clean, step);
  const graph = step.scheme === 'optimized' ? raised.graph : withTransposedConstants(raised.graph);
  const cleaned = { ...raised, graph: { ...graph, nodes: withUniqueNames(graph.nodes) } };
  const tuned = tuneForCpu(cleaned, block);
  progress('clean', 1);
  if (step.scheme === 'optimized') {
    progress('compare', 1);
    return { model: tuned.model, cleaned: tuned.model, passes: [...passes, ...tuned.passes], notes: [], nodes: [] };
  }
  const float = step.scheme === 'fp16_weights' ? tuned.model : cleaned;
  const calibration = samples ? options.calibration.slice(0, step.calibration.samples) : [];
  refuseWithoutSamples(step, calibration);
  const shapes = await shapesOnSample(cleaned, samples, [...options.calibration, ...options.selection], {
    threads,
    scratch,
  });
  const scheme = await buildScheme({
    ...options,
    ...{ uploaded: named, cleaned, tuned, selected, shapes, calibration, progress },
  });
  refuseUnchanged(scheme);
  const sqnr = await sqnrOfNodes(options, float, scheme, shapes, (fraction) => progress('compare', fraction));
  const nodes = reportNodes(scheme, sqnr);
  const judges = options.selection.length > 0 ? 'selection' : 'calibration';
  const decisions = [...scheme.plan.decisions.values()];
  const integer = decisions.filter(
    (decision) => runsInInteger(decision) && !scheme.fusion?.unfused.has(decision.node.name),
  ).length;
  return {
    model: scheme.model,
    cleaned: tuned.model,
    passes: [...passes, ...scheme.passes],
    ...(step.scheme === 'int8_static' && {
      calibration: {
        method: step.calibration.method,
        samples: Math.min(options.calibration.length, step.calibration.samples),
        tensors: scheme.calibratedTensors,
        ...(options.calibrationMemory?.reused && { reused: true }),
        ...(step.calibration.percentile !== undefined && { percentile: step.calibration.percentile }),
        ...(scheme.presets.length > 0 && {
          presets: scheme.presets.map(({ preset, decibel, chosen }) => ({
            name: preset.name,
            output_sqnr_db: decibel,
            chosen,
          })),
        }),
      },
    }),
    ...(scheme.refinements && { refinements: [...scheme.refinements] }),
    ...(step.scheme === 'int4_weights' && { weights: weightsReport(step, scheme) }),
    integer_nodes: integer,
    float_nodes: decisions.length - integer,
    ...(scheme.fusion && {
      executed: {
        quantize_linear: scheme.fusion.quantizeLinear,
        dequantize_linear: scheme.fusion.dequantizeLinear,
      },
    }),
    notes: [
      ...(scheme.notes ?? notesOn(step, scheme)),
      ...(scheme.rangeNotes ?? []),
      ...(scheme.refinements ?? []).map((each) => noteOn(each, judges)),
      ...judgedOnCalibration(options, scheme),
      ...portabilityNotes(nodes),
    ],
    nodes,
  };
}

/** Whatever was compared on the samples that it was made for looks better than it is. */
function judgedOnCalibration({ selection, samples }: QuantizeOptions, scheme: Scheme): string[] {
  const compared = scheme.presets.length + scheme.methods.length + (scheme.refinements?.length ?? 0);
  if (compared === 0 || !samples || selection.length > 0) return [];
  return [
    'No samples are held out for selection, so variants were compared on the calibration samples that they were made for, which favours them: give the dataset a "selection" split.',
  ];
}

/** How weights became few bits. */
function weightsReport({ weights }: SettledStep, { methods }: Scheme): NonNullable<StageReport['weights']> {
  const { bits, method } = weights;
  const compared = methods.map(({ preset, decibel, chosen }) => ({ name: preset, output_sqnr_db: decibel, chosen }));
  return { bits, method, ...(compared.length > 0 && { methods: compared }) };
}

/** @throws ServiceError nothing_to_quantize with the commonest reasons */
function refuseUnchanged({ plan }: Scheme): void {
  const decisions = [...plan.decisions.values()];
  if (decisions.some(({ treatment }) => treatment !== 'float')) return;
  const reasons = [...new Set(decisions.flatMap(({ reason }) => reason ?? []))].slice(0, 5);
  throw new ServiceError(
    'nothing_to_quantize',
    reasons.length === 0
      ? 'The model has no Conv, MatMul, Gemm, recurrent or embedding weights.'
      : `Nothing is left to quantize. ${reasons.join(' ')}`,
    { hint: 'Check "include" and "exclude", or set "only_what_pays" to false.' },
  );
}

function sqnrOfNodes(
  options: QuantizeOptions,
  cleaned: Model,
  { float = cleaned, model, comparable, plan }: Scheme,
  shapes: ReadonlyMap<string, RecordedShape>,
  progress: (fraction: number) => void,
): Promise<Map<string, number | null>> {
  const results = [...plan.decisions.values()].map(({ node }) => resultOf(node, plan));
  const values = [...new Set(results)].filter((value) => shapes.get(value)?.dtype === 'float32');
  const { samples, threads, scratch, signal } = options;
  if (!samples) return Promise.resolve(new Map());
  const indices = options.selection.slice(0, SQNR_SAMPLES * (samples.batch ?? 1));
  return measureSqnr({
    float,
    quantized: comparable ?? model,
    values,
    samples,
    indices,
    threads,
    scratch,
    signal,
    progress,
  });
}
