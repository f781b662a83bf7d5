import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { inspectModel } from '../../onnx/admission/inspect-model.js';
import { MAX_FORM_BYTES } from '../../security/limits.js';
import type { BlobStore, ReceivedBlob } from '../../storage/blobs/blob-store.js';
import type { NewModel } from '../../storage/records/models.js';
import { clientGone } from '../client-gone.js';
import { principalOf } from '../plugins/authentication.js';
import { checkDigest } from './declared-digest.js';
import { missingPart, partError, readForm, repeatedPart, unknownPart } from './form.js';
import { ReceivedFiles } from './received-files.js';
import { scanSlots } from './scan-slots.js';

const PARTS = ['model', 'external_data', 'name'] as const;
/** Characters of the name that a client gives to a model or dataset. */
export const MAX_NAME_CHARACTERS = 200;

interface Bundle {
  model: ReceivedBlob | null;
  readonly external: Map<string, ReceivedBlob>;
  name: string | null;
}

/**
 * Takes a model in: its files to disk, the scan, then into the blob store. What is wrong with the model is thrown and leaves
 * nothing behind.
 */
export async function receiveModel(
  request: FastifyRequest,
  reply: FastifyReply,
  blobs: BlobStore,
  name: string | undefined,
): Promise<NewModel> {
  const files = new ReceivedFiles(blobs, request, clientGone(reply));
  try {
    const bundle = request.isMultipart() ? await fromForm(request, files) : await fromBody(request, files);
    const { model } = bundle;
    if (model === null) throw missingPart('model');
    return await admit(request, files, { ...bundle, model }, name);
  } finally {
    await files.discard();
  }
}

/** Takes an ONNX file in that was made here. */
export async function admitModel(
  request: FastifyRequest,
  reply: FastifyReply,
  blobs: BlobStore,
  content: Uint8Array,
  name: string,
): Promise<NewModel> {
  const files = new ReceivedFiles(blobs, request, clientGone(reply));
  try {
    const model = await files.receive(Readable.from([content]));
    return await admit(request, files, { model, external: new Map(), name }, name);
  } finally {
    await files.discard();
  }
}

/** Scans what was received and keeps it. */
async function admit(
  request: FastifyRequest,
  files: ReceivedFiles,
  bundle: Bundle & { readonly model: ReceivedBlob },
  name: string | undefined,
): Promise<NewModel> {
  const { model } = bundle;
  const external = [...bundle.external].map(([location, blob]) => ({ location, blob }));
  const inspection = await scanSlots.run(principalOf(request).tenant, files.gone, () =>
    inspectModel(
      model,
      external.map(({ location, blob }) => ({ location, bytes: blob.bytes })),
      files.gone,
    ),
  );
  const unused = external.find(({ location }) => !inspection.external_data.includes(location));
  if (unused !== undefined)
    throw partError(
      'external_data',
      'unrecognized_keys',
      `The model names no file ${JSON.stringify(unused.location)}.`,
    );
  for (const { blob } of external) await blob.keep();
  await model.keep();
  return {
    name: (name ?? bundle.name ?? 'model.onnx').slice(0, MAX_NAME_CHARACTERS),
    sha256: model.sha256,
    modelBytes: model.bytes,
    externalFiles: external.map(({ location, blob }) => ({ location, bytes: blob.bytes, sha256: blob.sha256 })),
    inspection,
  };
}

async function fromBody(request: FastifyRequest, files: ReceivedFiles): Promise<Bundle> {
  const model = await files.receive(request.raw);
  checkDigest(request.headers, model.sha256);
  return { model, external: new Map(), name: null };
}

async function fromForm(request: FastifyRequest, files: ReceivedFiles): Promise<Bundle> {
  const bundle: Bundle = { model: null, external: new Map(), name: null };
  await readForm(request, {
    async file(field, { file, filename }) {
      if (field === 'model') {
        if (bundle.model !== null) throw repeatedPart('model');
        bundle.name ??= filename;
        bundle.model = await files.receive(file);
      } else if (field === 'external_data' || field === 'external_data[]') {
        // A part of the type application/octet-stream is a file even without a name.
        if (typeof filename !== 'string')
          throw partError(field, 'required', 'Name the file by the location that the model states.');
        if (bundle.external.has(filename)) throw repeatedPart(filename);
        bundle.external.set(filename, await files.receive(file, MAX_FORM_BYTES));
      } else throw unknownPart(field, PARTS);
    },
    field(field, value) {
      if (field !== 'name' || typeof value !== 'string') throw unknownPart(field, PARTS);
      bundle.name = value;
    },
  });
  return bundle;
}
