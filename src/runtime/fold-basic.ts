import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type ExternalFile, withSession } from './session.js';

/**
 * ONNX Runtime's own offline optimization at level 'basic': constants folded, identities removed, Conv with BatchNormalization, Mul
 * and Add merged; only standard operators, valid on every machine. Gives the new file's bytes, weights inside.
 * @param scratch folder for a temporary file, removed on every path.
 * @throws ServiceError model_load_failed.
 */
export async function foldBasic(
  source: string | Uint8Array,
  scratch: string,
  external: readonly ExternalFile[] = [],
): Promise<Uint8Array> {
  const folder = await mkdtemp(join(scratch, 'fold-'));
  try {
    const optimizedModelPath = join(folder, 'folded.onnx');
    await withSession(source, { threads: 1, optimization: 'basic', optimizedModelPath, external }, async () => {});
    return new Uint8Array(await readFile(optimizedModelPath));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
