import type { FastifyReply, FastifyRequest } from 'fastify';
import { DatasetManifest } from '../../contracts/dataset.js';
import { inspectDataset } from '../../datasets/admission/inspect-dataset.js';
import { checkManifest } from '../../datasets/admission/manifest.js';
import { ServiceError } from '../../platform/errors.js';
import { MAX_JSON_BYTES } from '../../security/limits.js';
import type { BlobStore, ReceivedBlob } from '../../storage/blobs/blob-store.js';
import type { NewDataset } from '../../storage/records/datasets.js';
import { clientGone } from '../client-gone.js';
import { principalOf } from '../plugins/authentication.js';
import { parseWith } from '../validation.js';
import { ByteBudget, chunks } from './chunks.js';
import { checkDigest } from './declared-digest.js';
import { missingPart, readForm, repeatedPart, unknownPart } from './form.js';
import { MAX_NAME_CHARACTERS } from './model-upload.js';
import { ReceivedFiles } from './received-files.js';
import { scanSlots } from './scan-slots.js';

const PARTS = ['data', 'manifest', 'name'] as const;

interface Parts {
  data: ReceivedBlob | null;
  manifest: DatasetManifest | null;
  name: string | null;
}

/**
 * Takes a dataset in: its file to disk, the scan, then into the blob store. What is wrong with it is thrown and leaves nothing
 * behind.
 */
export async function receiveDataset(
  request: FastifyRequest,
  reply: FastifyReply,
  blobs: BlobStore,
  name: string | undefined,
): Promise<NewDataset> {
  const files = new ReceivedFiles(blobs, request, clientGone(reply));
  try {
    const parts = request.isMultipart() ? await fromForm(request, files) : await fromBody(request, files);
    const { data } = parts;
    if (data === null) throw missingPart('data');
    const inspection = await scanSlots.run(principalOf(request).tenant, files.gone, () =>
      inspectDataset(data.path, files.gone),
    );
    const manifest = parts.manifest ?? DatasetManifest.parse({});
    checkManifest(inspection, manifest);
    await data.keep();
    return {
      name: (name ?? parts.name ?? `dataset.${inspection.format}`).slice(0, MAX_NAME_CHARACTERS),
      sha256: data.sha256,
      bytes: data.bytes,
      manifest,
      inspection,
    };
  } finally {
    await files.discard();
  }
}

async function fromBody(request: FastifyRequest, files: ReceivedFiles): Promise<Parts> {
  const data = await files.receive(request.raw);
  checkDigest(request.headers, data.sha256);
  return { data, manifest: null, name: null };
}

async function fromForm(request: FastifyRequest, files: ReceivedFiles): Promise<Parts> {
  const parts: Parts = { data: null, manifest: null, name: null };
  const setManifest = (value: unknown) => {
    if (parts.manifest !== null) throw repeatedPart('manifest');
    parts.manifest = parseWith(DatasetManifest, value, 'The manifest', '/manifest');
  };
  await readForm(request, {
    async file(field, { file, filename }) {
      if (field === 'data') {
        if (parts.data !== null) throw repeatedPart('data');
        parts.name ??= filename;
        parts.data = await files.receive(file);
      } else if (field === 'manifest') {
        const text: Uint8Array[] = [];
        for await (const chunk of chunks(file, new ByteBudget(MAX_JSON_BYTES), files.gone)) text.push(chunk);
        setManifest(parseJson(Buffer.concat(text).toString('utf8')));
      } else throw unknownPart(field, PARTS);
    },
    field(field, value) {
      if (field === 'manifest') setManifest(typeof value === 'string' ? parseJson(value) : value);
      else if (field === 'name' && typeof value === 'string') parts.name = value;
      else throw unknownPart(field, PARTS);
    },
  });
  return parts;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ServiceError('malformed_json', 'The part "manifest" is not valid JSON.', { cause });
  }
}
