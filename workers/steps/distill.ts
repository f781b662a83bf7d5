import { join } from 'node:path';
import type { DistillStep } from '../../src/contracts/distill-step.js';
import type { DistillationReport, StageReport } from '../../src/contracts/report.js';
import { classLabels, requireLabels } from '../../src/distillation/class-labels.js';
import { type Distilled, distillModel } from '../../src/distillation/distill-model.js';
import { inPlaceOf } from '../../src/distillation/students/in-place-of.js';
import { type ComparedCandidates, compareCandidates } from '../../src/evaluation/compare-candidates.js';
import { planMetric } from '../../src/evaluation/plan-metric.js';
import type { Model } from '../../src/onnx/ir/graph.js';
import { blockSize } from '../../src/onnx/passes/blocked-layout.js';
import { readModel } from '../../src/onnx/serde/read-model.js';
import { cpuFacts } from '../../src/platform/cpu.js';
import { ServiceError } from '../../src/platform/errors.js';
import { derivedSeed, seededRandom } from '../../src/platform/random.js';
import { TEMPLATE_INPUTS, TEMPLATES } from '../../src/templates/templates.js';
import type { EngineResult } from '../protocol.js';
import { certificateFiles } from './certificate-file.js';
import { checkpointFiles } from './checkpoint-files.js';
import { conclude } from './conclude.js';
import { cutStudent, DERIVED } from './cut-student.js';
import { peakMemoryBytes } from './peak-memory.js';
import { quantizeStudent } from './quantize-student.js';
import type { StepContext, StepRunner } from './step.js';
import { type TaskSamples, withTaskSamples } from './task-samples.js';
import { trainingLimits } from './training-limits.js';
import { copyModelFiles, totalBytes, writeModelFiles } from './written-model.js';

/** Fraction of the last step after which its result is evaluated; a step that is not the last has nothing else to do. */
const DISTILLED = 0.8;
/** Fraction of that, and of the time for training, after which a student that is to be quantized is. */
const BEFORE_QUANTIZATION = 2 / 3;

/** Metrics whose labels are classes of the output. */
const CLASS_METRICS: ReadonlySet<string> = new Set(['top1', 'top5']);

/** A distill step: a smaller network, trained to answer like the model before it. */
export const distillStep: StepRunner = (context) =>
  withTaskSamples(context, (...opened) => distill(context, ...opened));

async function distill(context: StepContext, data: TaskSamples, started: number): Promise<EngineResult> {
  const { task, scratch, signal, log } = context;
  const step = task.spec.steps[task.step];
  if (step?.type !== 'distill') throw new Error(`step ${task.step} does not distill`);
  const until = task.last ? DISTILLED : 1;
  const aware = step.quantize_aware;
  const share = aware ? BEFORE_QUANTIZATION : 1;
  const floated = until * share;
  const limits = trainingLimits(context, started);
  const { samples, splits } = data;
  const { evaluate, seed } = task.spec;
  const labels = await samples.labels(splits.selection.slice(0, 1));
  const { metric, output, classes } = planMetric(
    evaluate,
    task.inspection.outputs,
    labels?.dims.slice(1) ?? null,
    data.synthetic,
  );
  const labelled = labels !== null && CLASS_METRICS.has(metric.name);
  if (labelled && classes !== null)
    requireLabels(await classLabels(samples, splits.evaluation, classes), splits.evaluation, 'evaluation');
  const checkpoints = checkpointFiles(scratch, task.step);
  const derivation = 'from' in step.student ? step.student : null;
  const from = derivation ? DERIVED : 0;
  const derived = derivation && (await cutStudent(context, data, derivation, output, checkpoints));
  const distilled = await distillModel({
    teacher: task.input,
    student:
      derived?.student ??
      (task.student
        ? inPlaceOf(await readModel(task.student), { inputs: task.inspection.inputs.map(({ name }) => name), output })
        : await templateStudent(context, data, step, output)),
    // An uploaded student may have learned before.
    pretrained: derived !== null || task.student !== null,
    ...{ step, output, samples, scratch, signal, seed },
    training: splits.training,
    selection: splits.selection,
    labelled,
    checkpoints,
    threads: task.threads,
    memoryLimit: limits.memoryLimit,
    block: blockSize(cpuFacts().instructionSets),
    progress: (phase, fraction, metrics, left) =>
      context.progress(phase, (from + fraction * (1 - from)) * floated, metrics, left),
    now: () => performance.now(),
    secondsLeft: (fraction) => limits.secondsLeft(fraction * share),
  });

  const student = await writeModelFiles(distilled.student, join(scratch, 'student'));
  const baseline = await writeModelFiles(distilled.baseline, join(scratch, 'baseline'));
  const compared = await compareCandidates({
    original: task.input,
    first: student,
    second: baseline,
    ...{ samples, evaluate, signal },
    indices: splits.selection,
    threads: task.threads,
  });
  const kept = compared.gain.value >= 0 ? 'distilled' : 'baseline';
  const float = kept === 'distilled' ? student : baseline;
  const quantized = aware
    ? await quantizeStudent(context, data, float, { aware, loss: step.loss }, limits, (phase, fraction, metrics) =>
        context.progress(phase, floated + fraction * (until - floated), metrics),
      )
    : { model: await copyModelFiles(float, scratch), stage: { notes: [] }, nodes: [], files: [] };
  const { model, nodes } = quantized;
  const stage: StageReport = {
    type: 'distill',
    seconds: (performance.now() - started) / 1000,
    peak_memory_bytes: peakMemoryBytes(),
    bytes: totalBytes(model),
    sha256: model.sha256,
    ...quantized.stage,
    distillation: {
      ...distillationReport(step, distilled, compared, kept, splits.selection.length),
      ...(derived && { derived: derived.report }),
    },
    notes: [...distilled.notes, ...quantized.stage.notes],
  };
  log.info('distilled', { outcome: stage.distillation?.outcome, kept, bytes: stage.bytes, notes: stage.notes });
  const files = [...quantized.files, ...(await certificateFiles(stage, nodes, scratch))];
  return conclude(context, data, { model, cleaned: null, stage, nodes, files }, until);
}

/** A template fitted to one sample of the input and to the classes of the scored output. */
async function templateStudent(
  { task }: StepContext,
  { samples, splits }: TaskSamples,
  { student }: DistillStep,
  output: string,
): Promise<Model> {
  if (!('template' in student)) throw new Error('the student is no template');
  const { inputs, outputs } = task.inspection;
  const first = splits.training[0] ?? 0;
  const feeds = await samples.feeds(Array.from({ length: samples.batch ?? 1 }, () => first));
  const [input] = inputs;
  const dims = feeds.get(input?.name ?? '')?.dims.slice(1);
  const shape = outputs.find(({ name }) => name === output)?.shape;
  const classes = shape?.length === 2 ? shape[1] : null;
  const taken = TEMPLATE_INPUTS[student.template];
  const fits = dims && (!taken || taken.ranks.includes(dims.length));
  if (inputs.length !== 1 || input?.dtype !== 'float32' || !fits || typeof classes !== 'number') {
    throw new ServiceError(
      'invalid_request',
      `The template ${student.template} takes one float32 input${taken ? ` of ${taken.words}` : ''} and gives [N, classes]; the model does not.`,
      { hint: 'Upload a student of your own and name it as {"model": "mdl_…"}.' },
    );
  }
  const random = seededRandom(derivedSeed(task.spec.seed, 'student', task.step));
  return TEMPLATES[student.template]({ input: { name: input.name, dims }, output, classes }, student.widths, random);
}

function distillationReport(
  { loss }: DistillStep,
  distilled: Distilled,
  { metric, first, second, gain }: ComparedCandidates,
  kept: 'distilled' | 'baseline',
  samples: number,
): DistillationReport {
  const [low, high] = gain.ci95;
  return {
    parameters: distilled.parameters,
    loss: loss.kind,
    batch_size: distilled.batchSize,
    micro_batch: distilled.memory.microBatch,
    estimated_memory_bytes: distilled.memory.estimatedBytes,
    epochs: distilled.history.length,
    best_epoch: distilled.bestEpoch,
    stopped: distilled.stopped,
    history: distilled.history.map(({ epoch, loss: mean, heldOut }) => ({ epoch, loss: mean, held_out_loss: heldOut })),
    baseline: distilled.baselineKind,
    metric,
    samples,
    distilled: first,
    baseline_value: second,
    gain: { value: gain.value, ci95: gain.ci95 },
    outcome: low > 0 ? 'gain' : high < 0 ? 'loss' : 'no_gain',
    kept,
  };
}
