import { JobSpec } from '../../src/contracts/job-spec.js';
import { Report } from '../../src/contracts/report.js';

const ID = '01jd2q6w8x7e5f4g3h2j1k0mnp';
const SHA = 'a'.repeat(64);

/** A complete report that its schema accepts; tests change what they are about. */
export function sampleReport(changes: Partial<Report> = {}): Report {
  return Report.parse({
    object: 'report',
    job: `job_${ID}`,
    verdict: 'undecided',
    requirements: [
      {
        name: 'max_metric_drop',
        bound: 0.01,
        value: 0.002,
        ci95: [-0.004, 0.013],
        verdict: 'undecided',
        reason: 'too_few_samples',
        samples_needed: 1234,
      },
      { name: 'max_size_ratio', bound: 0.5, value: 0.295, ci95: null, verdict: 'met' },
    ],
    original: {
      bytes: 578_966,
      sha256: SHA,
      metric: { name: 'top1', value: 0.9917, samples: 600, ci95: [0.98, 0.9965] },
      latency_ms: { p20: 0.48, p50: 0.51, p90: 0.6, p99: 0.8 },
    },
    result: {
      bytes: 171_002,
      sha256: 'b'.repeat(64),
      metric: { name: 'top1', value: 0.9897, samples: 600, ci95: [0.977, 0.9955] },
      latency_ms: { p20: 0.34, p50: 0.36, p90: 0.44, p99: 0.61 },
    },
    size_ratio: 0.295,
    speedup: { value: 1.4203, ci95: [1.38, 1.47] },
    speedup_parts: { cleanup: { value: 1.2, ci95: [1.18, 1.22] }, quantization: { value: 1.1836, ci95: [1.15, 1.21] } },
    metric_drop: { value: 0.002, ci95: [-0.004, 0.013] },
    stages: [
      {
        type: 'quantize',
        scheme: 'int8_static',
        seconds: 4.25,
        peak_memory_bytes: 212_000_000,
        bytes: 171_002,
        sha256: 'b'.repeat(64),
        passes: [{ name: 'fold-batch-normalization', changes: 35 }],
        calibration: { method: 'mean_minmax', samples: 200, tensors: 54 },
        integer_nodes: 27,
        float_nodes: 26,
        notes: ['Depthwise convolutions stay in float.'],
      },
    ],
    nodes: [
      { name: 'Conv_12', op_type: 'Conv', integer: true, sqnr_db: 34.1, exact_everywhere: false },
      { name: 'Conv_13', op_type: 'Conv', integer: false, reason: 'depthwise', sqnr_db: null, exact_everywhere: null },
    ],
    candidates: [
      {
        scheme: 'int8_dynamic',
        variant: 'as it is',
        chosen: false,
        on_front: false,
        refused: 'slower than the original: 0.81x',
        bytes: 1,
        metric: 0.99,
        metric_drop: null,
        output_sqnr_db: 38.5,
        speedup: 0.81,
      },
    ],
    splits: { calibration: { samples: 200, source: 'manifest' }, evaluation: { samples: 600, source: 'seeded' } },
    notes: ['A note.'],
    environment: {
      cpu: 'AMD EPYC',
      instruction_sets: ['avx2'],
      threads: 1,
      onnxruntime: '1.30.0',
      node: '20.20.2',
      platform: 'linux-x64',
    },
    reproduce: {
      spec: JobSpec.parse({ model: `mdl_${ID}`, steps: [{ type: 'quantize', scheme: 'int8_static' }] }),
      seed: 0,
      inputs: { model: `sha256:${SHA}`, dataset: null },
    },
    ...changes,
  });
}
