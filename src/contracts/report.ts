import { z } from 'zod';
import { DerivationReport } from './derived-student.js';
import { Estimate, Interval } from './estimate.js';
import { JobId, Sha256 } from './ids.js';
import { JobSpec, METRICS } from './job-spec.js';
import { RECOVERY_OUTCOMES } from './recovery.js';

export const VERDICTS = ['met', 'not_met', 'undecided'] as const;
export const Verdict = z.enum(VERDICTS);
export type Verdict = z.infer<typeof Verdict>;

export const RequirementVerdict = z.object({
  name: z.string(),
  bound: z.number(),
  value: z.number().nullable(),
  ci95: Interval.nullable(),
  verdict: Verdict,
  reason: z.string().optional(),
  samples_needed: z
    .int()
    .optional()
    .meta({ description: 'Undecided: about how many evaluation samples would decide.' }),
});
export type RequirementVerdict = z.infer<typeof RequirementVerdict>;

export const MetricValue = z.object({ name: z.enum(METRICS), value: z.number(), samples: z.int(), ci95: Interval });
export const Latency = z.object({ p20: z.number(), p50: z.number(), p90: z.number(), p99: z.number() });
export type Latency = z.infer<typeof Latency>;

/** One model measured: how big, how good, how fast. */
export const Measured = z.object({
  bytes: z.int(),
  sha256: Sha256,
  metric: MetricValue,
  latency_ms: Latency,
});
export type Measured = z.infer<typeof Measured>;

/** What a step before the last one left, beside the original. */
export const StageMeasured = z.object({
  metric: MetricValue,
  metric_drop: Estimate,
  latency_ms: Latency,
  speedup: Estimate,
});
export type StageMeasured = z.infer<typeof StageMeasured>;

/** A node of the result, by the name it had in the model before the step. */
export const NodeReport = z.object({
  name: z.string(),
  op_type: z.string(),
  integer: z
    .boolean()
    .meta({ description: 'Runs in an integer kernel on this CPU, as seen in the graph that ONNX Runtime executes.' }),
  kernel: z.string().optional().meta({ description: "The integer kernel of ONNX Runtime that does the node's work." }),
  reason: z.string().optional().meta({ description: 'Why it stayed in float.' }),
  sqnr_db: z
    .number()
    .nullable()
    .meta({ description: 'Signal to quantization noise of its output, float against quantized model, in dB.' }),
  exact_everywhere: z.boolean().nullable().meta({
    description:
      'No pair of its INT8 weights can saturate the 16-bit sums of CPUs without VNNI; null when it runs in float.',
  }),
  largest_pair: z.int().optional().meta({
    description:
      'The largest sum of two weights of one sign that are added up together; up to 128 it cannot saturate. Absent where sums do not saturate.',
  }),
});
export type NodeReport = z.infer<typeof NodeReport>;

export const CandidateReport = z.object({
  scheme: z.string(),
  variant: z.string().meta({ description: 'In words, how the scheme was applied.' }),
  chosen: z.boolean(),
  on_front: z.boolean().meta({ description: 'No other acceptable candidate is smaller, better and faster at once.' }),
  refused: z.string().nullable().meta({
    description:
      'Why it was not taken into account; beside "chosen", what speaks against it though it alone meets the requirements of the job.',
  }),
  bytes: z.int().nullable(),
  metric: z.number().nullable().meta({ description: 'On the selection samples, not those of the report.' }),
  metric_drop: Estimate.nullable(),
  output_sqnr_db: z.number().nullable().meta({
    description:
      'Signal to noise of the scored output against the original, in dB; null when they are equal or it was not scored.',
  }),
  speedup: z.number().nullable(),
  speedup_ci95: Interval.optional().meta({
    description: 'Of the speed-up; absent where it was not timed, and in plans of before.',
  }),
});
export type CandidateReport = z.infer<typeof CandidateReport>;

export const DISTILL_OUTCOMES = ['gain', 'no_gain', 'loss'] as const;

/** How the batches of a training were brought into memory. */
const HOW_IT_FITTED = {
  batch_size: z.int(),
  micro_batch: z
    .int()
    .meta({ description: 'Samples of a batch that went through the graph at a time, to fit into memory.' }),
  estimated_memory_bytes: z.int().nullable().meta({
    description:
      'What the engine was expected to hold at most before training began; null for models of a fixed batch.',
  }),
};

/** How a student was trained, and what the teacher was worth. */
export const DistillationReport = z.object({
  parameters: z.int().meta({ description: 'Trained numbers of the student.' }),
  derived: DerivationReport.optional().meta({ description: 'What was cut out of the teacher to make the student.' }),
  loss: z.string(),
  ...HOW_IT_FITTED,
  epochs: z.int().meta({ description: 'Epochs that were trained.' }),
  best_epoch: z.int().min(-1).meta({
    description:
      'Counted from 0: the one with the lowest held-out loss, whose weights were kept; -1 when a student cut out of its teacher was best before any training.',
  }),
  stopped: z.enum(['finished', 'patience', 'diverged', 'timeout']),
  history: z.array(z.object({ epoch: z.int(), loss: z.number(), held_out_loss: z.number() })),
  baseline: z.enum(['labels', 'untrained']).meta({
    description:
      'What the student is compared with: the same initial weights trained on labels alone, in the same order and as long, or not at all.',
  }),
  metric: z.enum(METRICS),
  samples: z.int().meta({ description: 'Selection samples that student and baseline were compared on.' }),
  distilled: z.number(),
  baseline_value: z.number(),
  gain: Estimate.meta({ description: 'Paired on the same samples; positive: the distilled student is better.' }),
  outcome: z
    .enum(DISTILL_OUTCOMES)
    .meta({ description: 'Whether the interval of the gain leaves zero, and to which side.' }),
  kept: z.enum(['distilled', 'baseline']),
});
export type DistillationReport = z.infer<typeof DistillationReport>;

/** What a quantized model learnt from the model that it was made of. */
export const RecoveryReport = z.object({
  parameters: z.int().meta({ description: 'Trained numbers: integers of weights, biases.' }),
  frozen: z.int().meta({ description: 'Quantized constants that no gradient reached, which stayed as they were.' }),
  loss: z.string(),
  training_samples: z.int(),
  ...HOW_IT_FITTED,
  epochs: z.int().meta({ description: 'Epochs that were trained.' }),
  best_epoch: z.int().min(-1).meta({
    description:
      'Counted from 0: the one with the lowest held-out loss, whose numbers were kept; -1 when plain post-training was best.',
  }),
  stopped: z.enum(['finished', 'patience', 'diverged', 'timeout']),
  held_out_loss_before: z.number().meta({ description: 'Of plain post-training, by the same kernels and samples.' }),
  history: z
    .array(z.object({ epoch: z.int(), loss: z.number(), held_out_loss: z.number() }))
    .meta({ description: 'The held-out loss is that of the quantized model itself, by the kernels that will run it.' }),
  metric: z.enum(METRICS),
  samples: z.int().meta({ description: 'Selection samples that both were compared on.' }),
  before: z.number().meta({ description: 'Metric of plain post-training quantization.' }),
  after: z.number(),
  gain: Estimate.meta({ description: 'Paired on the same samples; positive: the recovered model is better.' }),
  outcome: z
    .enum(RECOVERY_OUTCOMES)
    .meta({ description: 'Whether the interval of the gain leaves zero, and to which side.' }),
  kept: z.enum(['recovered', 'post_training']),
});
export type RecoveryReport = z.infer<typeof RecoveryReport>;

/** One thing that was asked for beyond plain INT8. */
export const RefinementReport = z.object({
  name: z.string(),
  variant: z.string().optional().meta({ description: 'In words, the best way to do it that was tried.' }),
  kept: z.boolean(),
  output_sqnr_db: z.number().nullable().meta({
    description:
      'Signal to quantization noise of the outputs with it, in dB; null without samples, or when it found nothing to do.',
  }),
  output_sqnr_db_without: z.number().nullable().meta({ description: 'Without it, with what was kept before it.' }),
  runs_nearer: z.int().nullable().meta({
    description: 'Runs of selection samples whose outputs came nearer to FP32 with it: it must be most of them.',
  }),
  runs_further: z.int().nullable(),
});
export type RefinementReport = z.infer<typeof RefinementReport>;

export const StageReport = z.object({
  type: z.enum(['quantize', 'distill', 'evaluate']),
  scheme: z.string().optional(),
  seconds: z.number(),
  peak_memory_bytes: z
    .int()
    .meta({ description: 'The most memory that the engine process held until the step was done.' }),
  bytes: z.int(),
  sha256: Sha256,
  measured: StageMeasured.optional().meta({
    description:
      "Of every step but the last, whose model is the report's result: its model on the same evaluation samples, and timed against the original in rounds of its own. Absent where it could not be measured; a note tells why.",
  }),
  passes: z.array(z.object({ name: z.string(), changes: z.int() })).optional(),
  calibration: z
    .object({
      method: z.string(),
      samples: z.int(),
      tensors: z.int(),
      reused: z.boolean().optional().meta({
        description:
          'All of it had been measured before, by an earlier job with the same model, data, samples and method, or by an attempt that was interrupted.',
      }),
      percentile: z.number().optional(),
      presets: z
        .array(z.object({ name: z.string(), output_sqnr_db: z.number(), chosen: z.boolean() }))
        .optional()
        .meta({
          description:
            'Method auto: whole models compared on selection samples, by the signal to quantization noise of the outputs in dB.',
        }),
    })
    .optional(),
  refinements: z.array(RefinementReport).optional().meta({
    description:
      'What was asked for beyond plain INT8, in the order in which it was tried: kept only where the outputs on selection samples came out nearer to FP32.',
  }),
  weights: z
    .object({
      bits: z.int(),
      method: z.string(),
      methods: z
        .array(z.object({ name: z.string(), output_sqnr_db: z.number(), chosen: z.boolean() }))
        .optional()
        .meta({
          description:
            'Method auto: whole models compared on selection samples, by the signal to quantization noise of the outputs in dB.',
        }),
    })
    .optional()
    .meta({ description: 'How int4_weights rounded weights.' }),
  integer_nodes: z.int().optional(),
  float_nodes: z.int().optional(),
  executed: z.object({ quantize_linear: z.int(), dequantize_linear: z.int() }).optional().meta({
    description:
      'Conversions between float and integer that ONNX Runtime executes: at best one of each where they meet.',
  }),
  distillation: DistillationReport.optional(),
  candidates: z.array(CandidateReport).optional().meta({ description: 'What a search tried.' }),
  recovery: RecoveryReport.optional(),
  notes: z.array(z.string()),
});
export type StageReport = z.infer<typeof StageReport>;

export const Environment = z.object({
  cpu: z.string(),
  instruction_sets: z.array(z.string()),
  threads: z.int(),
  onnxruntime: z.string(),
  node: z.string(),
  platform: z.string(),
});
export type Environment = z.infer<typeof Environment>;

export const Report = z
  .object({
    object: z.literal('report'),
    job: JobId,
    verdict: Verdict.nullable().meta({ description: 'Null when the job stated no requirements.' }),
    requirements: z.array(RequirementVerdict),
    original: Measured,
    result: Measured,
    size_ratio: z.number(),
    speedup: Estimate,
    speedup_parts: z.object({ cleanup: Estimate, quantization: Estimate }).nullable().meta({
      description: 'What the lossless clean-up gave over the original, and the number format over the cleaned model.',
    }),
    metric_drop: Estimate.meta({ description: 'Paired on the same samples; positive is worse, whatever the metric.' }),
    stages: z.array(StageReport),
    nodes: z.array(NodeReport),
    candidates: z.array(CandidateReport).meta({ description: 'Those of all steps.' }),
    splits: z.record(z.string(), z.object({ samples: z.int(), source: z.enum(['manifest', 'seeded', 'synthetic']) })),
    notes: z.array(z.string()),
    environment: Environment,
    reproduce: z.object({
      spec: JobSpec,
      seed: z.int(),
      inputs: z.object({ model: z.string(), dataset: z.string().nullable() }),
    }),
  })
  .meta({ id: 'Report' });
export type Report = z.infer<typeof Report>;

/** The line of a report that a job carries. */
export const ReportSummary = z.object({
  metric: z.enum(METRICS),
  original_metric: z.number(),
  result_metric: z.number(),
  metric_drop: z.number(),
  speedup: z.number(),
  size_ratio: z.number(),
});
export type ReportSummary = z.infer<typeof ReportSummary>;
