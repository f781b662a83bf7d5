import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Model } from '../onnx/ir/graph.js';
import { writeModel } from '../onnx/serde/write-model.js';
import { type Session, type SessionOptions, withSession } from '../runtime/session.js';

/** Optimization of a model whose inner values are read out: fusions across such values crash ONNX Runtime 1.30 on some models. */
export const MEASURING = 'basic';

/**
 * The same where inner values are read by nodes of the graph only, as sums or extremes: every fusion sees those readers. The layout of
 * convolutions that this level brings takes a fifth off a run of a recognizer of text.
 */
export const REDUCING = 'all';

/**
 * Threads that wait for work sleep. Spinning, which is ONNX Runtime's default, two of them took 125 ms of the processor for a run that takes
 * 75, and no less time on a machine that others use too. The numbers are the same.
 */
const WAITING_ASLEEP = { 'session.intra_op.allow_spinning': '0' };

/** A model written to disk as ONNX Runtime takes it. */
export interface WrittenModel {
  readonly path: string;
  readonly external: readonly { readonly location: string; readonly path: string }[];
}

/** Writes a model to a folder of its own under `scratch`, hands it to `use` and removes it on every path. */
export async function withModelFile<Result>(
  model: Model,
  scratch: string,
  use: (written: WrittenModel) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(scratch, 'model-'));
  try {
    const files = await writeModel(model, folder, 'model.onnx');
    const external = files.flatMap(({ path, location }) => (location === null ? [] : [{ path, location }]));
    return await use({ path: join(folder, 'model.onnx'), external });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Loads a model from a temporary file and frees both on every path. Such a session lives for a few runs, so it keeps no memory between
 * them. @throws ServiceError model_load_failed
 */
export function withModelSession<Result>(
  model: Model,
  options: SessionOptions & { readonly scratch: string },
  use: (session: Session) => Promise<Result>,
): Promise<Result> {
  const { scratch, ...session } = options;
  return withModelFile(model, scratch, ({ path, external }) =>
    withSession(path, { ...session, external, frugal: true, extra: { ...WAITING_ASLEEP, ...session.extra } }, use),
  );
}
