import type { Samples } from '../datasets/samples.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import { encodeModel } from '../onnx/serde/encode-model.js';
import { readModel } from '../onnx/serde/read-model.js';
import { type ExternalFile, type Feeds, openSession, type Session } from '../runtime/session.js';
import { type TeacherOutputs, teacherOutputs } from './teacher-outputs.js';

/** A teacher whose answers to samples as they are lie in a file; it can be asked about others as long as it is kept. */
export interface OpenTeacher extends TeacherOutputs {
  /** The answer to a batch that was made just now, and the values inside that were asked for, by their names. */
  answers(feeds: Feeds): Promise<ReadonlyMap<string, Tensor>>;
}

/**
 * Opens a teacher and stores its answers to these samples.
 * @param task.kept whether it will be asked about other samples; if not its session is freed
 * @throws ServiceError model_load_failed, dataset_mismatch, model_run_failed, no_space
 */
export async function openTeacher(task: {
  readonly teacher: { readonly path: string; readonly external: readonly ExternalFile[] };
  readonly kept: boolean;
  /** Values inside the teacher that will be asked for. */
  readonly inner: readonly string[];
  readonly output: string;
  readonly samples: Samples;
  readonly indices: readonly number[];
  readonly batch: number;
  /** File for the answers. */
  readonly path: string;
  readonly threads: number;
  readonly signal: AbortSignal;
  progress(fraction: number): void;
}): Promise<OpenTeacher> {
  const { kept, output, inner } = task;
  const session = await sessionOf(task);
  try {
    const stored = await teacherOutputs({ ...task, teacher: session });
    if (!kept) await session.release();
    return {
      rows: stored.rows,
      answers: (feeds) => session.run(feeds, [...new Set([output, ...inner])]),
      async close() {
        await session.release();
        await stored.close();
      },
    };
  } catch (error) {
    await session.release();
    throw error;
  }
}

/** Values inside a model are best read at a low level: fusions across them crash ONNX Runtime 1.30 on some models. */
const READ_INSIDE = 'basic';

/** The teacher as it is, or with values inside as outputs too. */
async function sessionOf(task: {
  readonly teacher: { readonly path: string; readonly external: readonly ExternalFile[] };
  readonly output: string;
  readonly inner: readonly string[];
  readonly threads: number;
}): Promise<Session> {
  const { teacher, output, inner, threads } = task;
  if (inner.length === 0) return openSession(teacher.path, { threads, external: teacher.external });
  const model = await readModel(teacher);
  model.graph.outputs = [...new Set([output, ...inner])].map((name) => ({ name, type: null }));
  return openSession(encodeModel(model), { threads, optimization: READ_INSIDE });
}
