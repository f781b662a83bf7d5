/**
 * The one catalogue of everything that can go wrong in front of a client. `status` is the HTTP status of a request that ends
 * so; the same codes stand in the `error` of a failed job, where the status does not matter. `retryable`: the same request may
 * succeed later without being changed.
 */
interface CatalogueEntry {
  readonly status: number;
  readonly title: string;
  readonly retryable: boolean;
}
const entry = (status: number, title: string, retryable = false): CatalogueEntry => ({ status, title, retryable });

export const ERROR_CATALOGUE = {
  // Requests
  malformed_request: entry(400, 'The request is malformed'),
  malformed_json: entry(400, 'The body is not JSON'),
  unauthorized: entry(401, 'A valid API key is needed'),
  forbidden: entry(403, 'The API key lacks the scope'),
  host_not_allowed: entry(403, 'Requests for this host are refused'),
  not_found: entry(404, 'There is no such object'),
  no_report: entry(404, 'The job ended without evidence'),
  method_not_allowed: entry(405, 'The resource has no such method'),
  not_acceptable: entry(406, 'None of the accepted types can be given'),
  already_finished: entry(409, 'The job has already finished'),
  job_not_finished: entry(409, 'The job has not finished'),
  in_use: entry(409, 'An unfinished job uses the object'),
  idempotency_key_in_use: entry(409, 'A request with this key is under way', true),
  payload_too_large: entry(413, 'The body is too large'),
  unsupported_media_type: entry(415, 'The content type is not supported'),
  range_not_satisfiable: entry(416, 'The range lies outside the content'),
  invalid_request: entry(422, 'A field is not acceptable'),
  digest_mismatch: entry(422, 'The content does not match its digest'),
  idempotency_key_reused: entry(422, 'The key was used with another body'),
  upload_too_slow: entry(408, 'The upload was too slow', true),
  rate_limited: entry(429, 'Too many requests', true),
  queue_quota_exceeded: entry(429, 'Too many unfinished jobs', true),
  internal_error: entry(500, 'Modelpress made a mistake'),
  unavailable: entry(503, 'A part of the service is away', true),
  draining: entry(503, 'The service is shutting down', true),
  overloaded: entry(503, 'The service is overloaded', true),
  storage_quota_exceeded: entry(507, 'The storage of this tenant is full'),
  no_space: entry(507, 'The disk is full', true),
  // Models
  not_onnx: entry(422, 'The file is not an ONNX model'),
  truncated_model: entry(422, 'The ONNX file ends too early'),
  model_limit_exceeded: entry(422, 'The model breaks a limit'),
  invalid_model: entry(422, 'The model contradicts itself'),
  unsupported_domain: entry(422, 'The model uses custom operators'),
  unknown_operator: entry(422, 'The model uses an unknown operator'),
  unsupported_opset: entry(422, 'The operator set version is not supported'),
  recursive_function: entry(422, 'Local functions call each other too deeply'),
  unsafe_external_data: entry(422, 'External data points outside the upload'),
  missing_external_data: entry(422, 'An external data file is missing'),
  scan_limit_exceeded: entry(422, 'The scan of the file took too much time or memory'),
  // Datasets
  not_a_dataset: entry(422, 'The file is neither npz nor npy'),
  unsafe_dataset: entry(422, 'The file holds objects that would have to be executed'),
  unsupported_dtype: entry(422, 'The element type is not supported'),
  dataset_limit_exceeded: entry(422, 'The dataset breaks a limit'),
  corrupt_dataset: entry(422, 'The dataset is damaged'),
  inconsistent_dataset: entry(422, 'The arrays hold different numbers of samples'),
  dataset_required: entry(422, 'The step needs a dataset'),
  dataset_mismatch: entry(422, 'The dataset does not fit the model'),
  dataset_not_finite: entry(422, 'The dataset holds NaN or infinity'),
  dataset_too_small: entry(422, 'The dataset has too few samples'),
  // Jobs
  unknown_node: entry(422, 'The model has no such node'),
  unsupported_operator: entry(422, 'An operator is not supported'),
  already_quantized: entry(422, 'The model is quantized already'),
  nothing_to_quantize: entry(422, 'The model has nothing to quantize'),
  metric_not_applicable: entry(422, 'The metric does not fit the model'),
  model_load_failed: entry(422, 'ONNX Runtime cannot load the model'),
  model_run_failed: entry(422, 'ONNX Runtime cannot run the model on these inputs'),
  output_not_finite: entry(422, 'The model gives NaN or infinity'),
  requirements_not_met: entry(422, 'Nothing satisfies the requirements'),
  timeout: entry(422, 'The job ran out of time'),
  memory_limit_exceeded: entry(422, 'The job ran out of memory'),
  runtime_crash: entry(422, 'The engine crashed on this job'),
  engine_silent: entry(422, 'The engine stopped answering'),
  training_diverged: entry(422, 'The training diverged'),
  worker_lost: entry(503, 'Too many workers were lost', true),
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

export interface ErrorContext {
  /** Fields that are wrong, by JSON pointer. */
  readonly errors?: readonly {
    pointer: string;
    code: string;
    message: string;
    expected?: string | undefined;
    received?: string | undefined;
  }[];
  /** The operator that is the reason. */
  readonly node?: { readonly name: string; readonly op_type: string };
  readonly phase?: string;
  /** What the reader can do about it. */
  readonly hint?: string;
  /** Seconds after which a retry makes sense. */
  readonly retryAfter?: number;
  readonly cause?: unknown;
}

/** The only error that reaches a client: a catalogue code, a sentence for a person, and the context to act on it. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    readonly context: ErrorContext = {},
  ) {
    super(`${code}: ${detail}`, context.cause === undefined ? undefined : { cause: context.cause });
  }
  get entry(): CatalogueEntry {
    return ERROR_CATALOGUE[this.code];
  }
}
