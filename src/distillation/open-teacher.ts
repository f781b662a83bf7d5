import type { Samples } from '../datasets/samples.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import { type ExternalFile, type Feeds, openSession } from '../runtime/session.js';
import { type TeacherOutputs, teacherAnswer, teacherOutputs } from './teacher-outputs.js';

/** A teacher whose answers to samples as they are lie in a file; it can be asked about others as long as it is kept. */
export interface OpenTeacher extends TeacherOutputs {
  /** The answer to a batch that was made just now. */
  answer(feeds: Feeds): Promise<Tensor>;
}

/**
 * Opens a teacher and stores its answers to these samples.
 * @param task.kept whether it will be asked about other samples; if not its session is freed
 * @throws ServiceError model_load_failed, dataset_mismatch, model_run_failed, no_space
 */
export async function openTeacher(task: {
  readonly teacher: { readonly path: string; readonly external: readonly ExternalFile[] };
  readonly kept: boolean;
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
  const { teacher, kept, output, threads } = task;
  const session = await openSession(teacher.path, { threads, external: teacher.external });
  try {
    const stored = await teacherOutputs({ ...task, teacher: session });
    if (!kept) await session.release();
    return {
      rows: stored.rows,
      answer: (feeds) => teacherAnswer(session, feeds, output, [...feeds.values()][0]?.dims[0] ?? 1),
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
