import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Dimension, ElementType, ValueSignature } from '../contracts/signature.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import { ServiceError } from '../platform/errors.js';
import { runtimeFailure } from './failure.js';
import { checkFeeds } from './feeds.js';
import { ort } from './ort.js';
import { fromOrt, toOrt } from './tensors.js';

/** ONNX Runtime prints nothing: what is worth saying comes back as an error. */
const LOG_FATAL_ONLY = 4;
ort.env.logLevel = 'fatal';

export type Feeds = ReadonlyMap<string, Tensor>;
/** An external data file: the location by which the model names it, and where it lies. */
export interface ExternalFile {
  readonly location: string;
  readonly path: string;
}

export interface SessionOptions {
  /** Threads inside one operator. */
  readonly threads: number;
  /** Level of graph optimization, 'all' by default. */
  readonly optimization?: 'disabled' | 'basic' | 'extended' | 'all';
  /** Gives memory back after each use instead of keeping it for the next run: less of it, for sessions of few runs. */
  readonly frugal?: boolean;
  /** Whether ONNX Runtime lays memory out anew after the first run, in one piece beside the first; by default it does. */
  readonly remembersLayout?: boolean;
  /** Writes the graph that ONNX Runtime really executes to this file. */
  readonly optimizedModelPath?: string;
  readonly external?: readonly ExternalFile[];
  /** Session configuration entries by their full key, such as 'session.disable_quant_qdq'. */
  readonly extra?: Readonly<Record<string, string>>;
  /** Writes a profile of all runs to a file of this prefix when the session is released. */
  readonly profilePrefix?: string;
}

export interface Session {
  readonly inputs: readonly ValueSignature[];
  readonly outputs: readonly ValueSignature[];
  /**
   * Runs the model. Inputs are passed without a copy. `fetches` are output names; default: every output that is a tensor.
   * @throws ServiceError model_run_failed, or memory_limit_exceeded.
   */
  run(feeds: Feeds, fetches?: readonly string[]): Promise<Map<string, Tensor>>;
  /** Frees the native memory; may be called twice. */
  release(): Promise<void>;
}

type Nested = { [key: string]: string | Nested };

/** onnxruntime-node wants `session.a.b` as { session: { a: { b } } }. */
function nest(entries: Readonly<Record<string, string>>): Nested {
  const root: Nested = {};
  for (const [key, value] of Object.entries(entries)) {
    const path = key.split('.');
    const leaf = path.pop() as string;
    let level = root;
    for (const part of path) {
      const next = level[part];
      level = typeof next === 'object' ? next : (level[part] = {});
    }
    level[leaf] = value;
  }
  return root;
}

/** One read call moves at most 1 GiB: Node's readFile, and the system's own limit, end below 2 GiB. */
const READ_BYTES = 2 ** 30;

async function wholeFile(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = new Uint8Array((await file.stat()).size);
    for (let done = 0; done < bytes.byteLength; ) {
      const { bytesRead } = await file.read(bytes, done, Math.min(READ_BYTES, bytes.byteLength - done), done);
      if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`);
      done += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

/**
 * External data for ONNX Runtime. It finds a file by itself when the model lies on disk and the file where the model says;
 * every other file (ours are named by content) is handed over in memory.
 */
async function externalData(source: string | Uint8Array, files: readonly ExternalFile[]) {
  const found = (file: ExternalFile) =>
    typeof source === 'string' && resolve(dirname(source), file.location) === resolve(file.path);
  return Promise.all(
    files
      .filter((file) => !found(file))
      .map(async (file) => ({ path: file.location, data: await wholeFile(file.path) })),
  );
}

function signatures(metadata: readonly ort.InferenceSession.ValueMetadata[]): ValueSignature[] {
  const dimension = (dim: number | string): Dimension => (dim === '' ? null : dim);
  return metadata.map((value) =>
    value.isTensor
      ? { name: value.name, dtype: value.type as ElementType, shape: value.shape.map(dimension) }
      : { name: value.name, dtype: null, shape: null },
  );
}

/**
 * Loads a model from its path or bytes.
 * @throws ServiceError model_load_failed with the node when ONNX Runtime names one.
 */
export async function openSession(source: string | Uint8Array, options: SessionOptions): Promise<Session> {
  const native: ort.InferenceSession.SessionOptions = {
    executionProviders: ['cpu'],
    executionMode: 'sequential',
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: options.optimization ?? 'all',
    logSeverityLevel: LOG_FATAL_ONLY,
    enableCpuMemArena: options.frugal !== true,
    enableMemPattern: options.remembersLayout !== false,
    externalData: await externalData(source, options.external ?? []),
    ...(options.optimizedModelPath !== undefined && { optimizedModelFilePath: options.optimizedModelPath }),
    ...(options.profilePrefix !== undefined && { enableProfiling: true, profileFilePrefix: options.profilePrefix }),
    ...(options.extra && { extra: nest(options.extra) }),
  };
  let session: ort.InferenceSession;
  try {
    session =
      typeof source === 'string'
        ? await ort.InferenceSession.create(source, native)
        : await ort.InferenceSession.create(source, native);
  } catch (cause) {
    throw runtimeFailure('model_load_failed', cause);
  }
  const inputs = signatures(session.inputMetadata);
  const outputs = signatures(session.outputMetadata);
  const tensorOutputs = outputs.filter((output) => output.dtype !== null).map((output) => output.name);
  let released = false;

  return {
    inputs,
    outputs,
    async run(feeds, fetches = tensorOutputs) {
      checkFeeds(inputs, feeds);
      const unknown = fetches.find((name) => !tensorOutputs.includes(name));
      if (unknown !== undefined || fetches.length === 0) {
        throw new ServiceError('model_run_failed', `The model has no tensor output named "${unknown ?? ''}".`);
      }
      try {
        const values = Object.fromEntries(inputs.map(({ name }) => [name, toOrt(feeds.get(name) as Tensor)]));
        const results = await session.run(values, fetches);
        return new Map(fetches.map((name) => [name, fromOrt(results[name] as ort.Tensor)]));
      } catch (cause) {
        throw runtimeFailure('model_run_failed', cause);
      }
    },
    async release() {
      if (released) return;
      released = true;
      if (options.profilePrefix !== undefined) session.endProfiling();
      await session.release();
    },
  };
}

/** Opens a session, hands it to `use` and frees it on every path. */
export async function withSession<Result>(
  source: string | Uint8Array,
  options: SessionOptions,
  use: (session: Session) => Promise<Result>,
): Promise<Result> {
  const session = await openSession(source, options);
  try {
    return await use(session);
  } finally {
    await session.release();
  }
}
