import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Model } from '../../src/onnx/ir/graph.js';
import { writeModel } from '../../src/onnx/serde/write-model.js';
import type { ModelFiles, ResultFile } from '../protocol.js';

/** File name of every model that an engine writes. */
export const MODEL_FILE = 'model.onnx';

/** SHA-256 of a file, at constant memory. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Writes a model into a folder, which is made; models that are written into one folder overwrite each other. */
export async function writeModelFiles(model: Model, folder: string): Promise<ModelFiles> {
  await mkdir(folder, { recursive: true });
  const [file, ...external] = await writeModel(model, folder, MODEL_FILE);
  if (!file) throw new Error('writeModel wrote nothing');
  return {
    path: file.path,
    bytes: file.bytes,
    sha256: await sha256Of(file.path),
    external: external.map(({ path, bytes, location }) => ({ path, bytes, location: location ?? basename(path) })),
  };
}

/** The model's files in a folder under names of ours; they stay byte for byte what they were. */
export async function copyModelFiles({ path, external, ...model }: ModelFiles, folder: string): Promise<ModelFiles> {
  const copy = async (from: string, name: string) => {
    await copyFile(from, join(folder, name));
    return join(folder, name);
  };
  const copies = external.map(async (file, index) => ({ ...file, path: await copy(file.path, `w${index}.bin`) }));
  return { ...model, path: await copy(path, MODEL_FILE), external: await Promise.all(copies) };
}

/** The files of a model that lies in the scratch folder, as a result names them: the model in `role`, its weights beside it. */
export function resultFiles(model: ModelFiles, role: 'model' | 'stage' | 'candidate'): ResultFile[] {
  return [
    { file: basename(model.path), name: MODEL_FILE, role },
    ...model.external.map(({ path, location }) => ({
      file: basename(path),
      name: basename(path),
      role: 'external_data' as const,
      location,
    })),
  ];
}

/** Bytes of a model with its external data. */
export const totalBytes = ({ bytes, external }: ModelFiles): number =>
  external.reduce((sum, file) => sum + file.bytes, bytes);
