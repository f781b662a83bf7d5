import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Model } from '../onnx/ir/graph.js';
import { decodeModel } from '../onnx/serde/decode-model.js';
import { type ExternalFile, withSession } from './session.js';

/**
 * The graph that ONNX Runtime executes for a model on this CPU, after its fusions. Level 'extended' rather than 'all': the layout
 * changes that follow move data but fuse no more integer kernels, and rename values.
 * @param scratch folder for a temporary file, removed on every path.
 * @throws ServiceError model_load_failed.
 */
export async function executedGraph(
  source: string | Uint8Array,
  scratch: string,
  external: readonly ExternalFile[] = [],
): Promise<Model> {
  const folder = await mkdtemp(join(scratch, 'executed-'));
  try {
    const optimizedModelPath = join(folder, 'executed.onnx');
    await withSession(source, { threads: 1, optimization: 'extended', optimizedModelPath, external }, async () => {});
    return decodeModel(new Uint8Array(await readFile(optimizedModelPath)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
