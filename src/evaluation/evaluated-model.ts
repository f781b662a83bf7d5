import { type ExternalFile, openSession, type Session, type SessionOptions } from '../runtime/session.js';

/** A model to measure, as files on disk. */
export interface EvaluatedModel {
  readonly path: string;
  /** Of the ONNX file alone. */
  readonly bytes: number;
  /** Of the ONNX file. */
  readonly sha256: string;
  readonly external: readonly (ExternalFile & { readonly bytes: number })[];
}

const openModel = (model: EvaluatedModel, options: Omit<SessionOptions, 'external'>): Promise<Session> =>
  openSession(model.path, { ...options, external: model.external });

/** The ONNX file and its external data together. */
export const totalBytes = (model: EvaluatedModel): number =>
  model.external.reduce((sum, file) => sum + file.bytes, model.bytes);

/** Opens models one after the other, hands the sessions to `use` and frees them on every path, also when one fails to open. */
export async function withModels<Result>(
  models: readonly EvaluatedModel[],
  options: Omit<SessionOptions, 'external'>,
  use: (sessions: readonly Session[]) => Promise<Result>,
): Promise<Result> {
  const sessions: Session[] = [];
  try {
    for (const model of models) sessions.push(await openModel(model, options));
    return await use(sessions);
  } finally {
    await Promise.all(sessions.map((session) => session.release()));
  }
}
