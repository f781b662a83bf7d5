/** Every bound that an engine lives under. Times in milliseconds, sizes in bytes. */
export interface EngineLimits {
  /** Wall time that the attempt still has; pauses do not count. */
  readonly timeMs: number;
  /** The engine's own memory: the data segment on Linux, the resident set elsewhere. */
  readonly memoryBytes: number;
  /** Everything in the scratch folder together. */
  readonly scratchBytes: number;
  /** The longest time without a heartbeat. */
  readonly silenceMs: number;
  /** Between the abort message and SIGKILL. */
  readonly graceMs: number;
}

const MIB = 1024 * 1024;

/** The watchdog thread beats once a second whatever the engine computes; a minute without it is a stuck process. */
export const SILENCE_MS = 60_000;
/** Long enough to end between two runs of a usual model, short enough that a cancelled job ends while one looks. */
export const GRACE_MS = 2000;
/** An engine holds its samples once as raw arrays, a cleaned and a finished model, and what ONNX Runtime writes beside them. */
const SCRATCH_PER_INPUT_BYTE = 4;
/** Room for logs, reports and small models, whatever the input. */
const SCRATCH_BASE_BYTES = 1024 * MIB;
/** Files in one scratch folder: results, external data and one raw file per dataset array are far fewer. */
export const MAX_SCRATCH_FILES = 10_000;
/** Files that one result may name. */
export const MAX_RESULT_FILES = 1000;
/** Size of result.json: a report names each of at most 200 000 nodes. */
export const MAX_RESULT_BYTES = 128 * MIB;

/** The limits of an attempt whose inputs together have `inputBytes`. */
export function engineLimits(timeMs: number, memoryMb: number, inputBytes: number): EngineLimits {
  return {
    timeMs,
    memoryBytes: memoryMb * MIB,
    scratchBytes: SCRATCH_BASE_BYTES + SCRATCH_PER_INPUT_BYTE * inputBytes,
    silenceMs: SILENCE_MS,
    graceMs: GRACE_MS,
  };
}
