import { availableParallelism } from 'node:os';
import { ACTIVATION_TYPES } from '../../contracts/activations.js';
import { AUGMENTATIONS } from '../../contracts/augment.js';
import { MAX_DATASET_ARRAYS } from '../../contracts/dataset.js';
import { FOLLOWED_OPERATORS } from '../../contracts/derived-student.js';
import { TEMPLATE_NAMES, TRAINABLE_OPERATORS } from '../../contracts/distill-step.js';
import { MAX_METADATA_PAIRS, MAX_STEPS, METRICS } from '../../contracts/job-spec.js';
import { QUANTIZABLE_OPERATORS } from '../../contracts/operators.js';
import { CALIBRATION_METHODS, RECOVERABLE_SCHEMES, STEP_SCHEMES } from '../../contracts/quantize-step.js';
import { BIAS_CORRECTIONS, ROUNDINGS, TRANSFORMS, WEIGHT_RANGES } from '../../contracts/refinements.js';
import { Capabilities } from '../../contracts/service.js';
import { MAX_UNFINISHED_JOBS } from '../../jobs/limits.js';
import { MAX_NODES, NEWEST_OPSET, OLDEST_OPSET } from '../../onnx/admission/limits.js';
import { cpuFacts } from '../../platform/cpu.js';
import { PACKAGE } from '../../platform/package.js';
import {
  MAX_FORM_BYTES,
  MAX_JSON_BYTES,
  MAX_UPLOAD_BYTES,
  MAX_WAIT_SECONDS,
  RATE_LIMIT_REQUESTS,
  TENANT_STORAGE_BYTES,
} from '../../security/limits.js';
import type { App } from '../app-type.js';

/** The capabilities of this build on this machine; nothing in it changes while the process lives. */
function capabilities(): Capabilities {
  const { cpu, instructionSets } = cpuFacts();
  const { version, dependencies } = PACKAGE;
  return {
    object: 'capabilities',
    schemes: [...STEP_SCHEMES],
    calibration_methods: [...CALIBRATION_METHODS],
    transforms: [...TRANSFORMS],
    bias_corrections: [...BIAS_CORRECTIONS],
    activation_types: [...ACTIVATION_TYPES],
    recoverable_schemes: [...RECOVERABLE_SCHEMES],
    weight_ranges: [...WEIGHT_RANGES],
    roundings: [...ROUNDINGS],
    metrics: [...METRICS],
    quantizable_operators: Object.fromEntries(
      Object.entries(QUANTIZABLE_OPERATORS).map(([scheme, operators]) => [scheme, [...operators]]),
    ),
    trainable_operators: [...TRAINABLE_OPERATORS],
    followed_operators: [...FOLLOWED_OPERATORS],
    augmentations: [...AUGMENTATIONS],
    student_templates: [...TEMPLATE_NAMES],
    datasets: {
      formats: ['npz', 'npy'],
      dtypes: ['bool', 'uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'int64', 'float16', 'float32', 'float64'],
    },
    opset: { min: OLDEST_OPSET, max: NEWEST_OPSET },
    limits: {
      upload_bytes: MAX_UPLOAD_BYTES,
      form_bytes: MAX_FORM_BYTES,
      json_bytes: MAX_JSON_BYTES,
      model_nodes: MAX_NODES,
      dataset_arrays: MAX_DATASET_ARRAYS,
      steps: MAX_STEPS,
      metadata_pairs: MAX_METADATA_PAIRS,
      unfinished_jobs: MAX_UNFINISHED_JOBS,
      requests_per_minute: RATE_LIMIT_REQUESTS,
      tenant_storage_bytes: TENANT_STORAGE_BYTES,
      wait_seconds: MAX_WAIT_SECONDS,
    },
    cpu: {
      model: cpu,
      threads: availableParallelism(),
      architecture: process.arch,
      instruction_sets: [...instructionSets],
    },
    versions: { modelpress: version, onnxruntime: dependencies['onnxruntime-node'] ?? '', node: process.versions.node },
  };
}

/** /v1/capabilities: what a program may ask for. */
export async function capabilityRoutes(app: App): Promise<void> {
  const answer = capabilities();
  app.get(
    '/v1/capabilities',
    {
      config: { scope: 'read' },
      schema: {
        operationId: 'getCapabilities',
        summary: 'What this service can do',
        tags: ['Service'],
        response: { 200: Capabilities },
      },
    },
    async () => answer,
  );
}
