import type { ByteSource } from './wire.js';

interface Format {
  readonly what: string;
  /** Bytes that it starts with, as latin-1, at `at`. */
  readonly magic: string;
  readonly at?: number;
  /** How its owner comes to an ONNX file. */
  readonly hint: string;
}

const EXPORT_TORCH = 'Export it with torch.onnx.export and upload the .onnx file.';
const EXPORT_TENSORFLOW = 'Convert it with tf2onnx and upload the .onnx file.';

/** What people take for an ONNX file, by its first bytes. */
const FORMATS: readonly Format[] = [
  { what: 'a ZIP archive (PyTorch saves its checkpoints so)', magic: 'PK\x03\x04', hint: EXPORT_TORCH },
  { what: 'a Python pickle (an old PyTorch checkpoint)', magic: '\x80', hint: EXPORT_TORCH },
  { what: 'an HDF5 file (Keras saves its models so)', magic: '\x89HDF\r\n\x1a\n', hint: EXPORT_TENSORFLOW },
  { what: 'a TensorFlow Lite model', magic: 'TFL3', at: 4, hint: EXPORT_TENSORFLOW },
  { what: 'an ONNX Runtime .ort file', magic: 'ORTM', at: 4, hint: 'Upload the .onnx file that it was made from.' },
  { what: 'a GGUF file', magic: 'GGUF', hint: 'Upload an ONNX export of the network.' },
  { what: 'a gzip archive', magic: '\x1f\x8b', hint: 'Unpack it and upload the .onnx file inside.' },
  { what: 'a NumPy array', magic: '\x93NUMPY', hint: 'Samples are uploaded to /v1/datasets.' },
  { what: 'a text', magic: '{', hint: 'Upload the .onnx file itself.' },
  { what: 'a text', magic: '<', hint: 'Upload the .onnx file itself; a link may have led to a page about it.' },
  {
    what: 'a Git LFS pointer, not the file itself',
    magic: 'version https://git-lfs',
    hint: 'Fetch the file with git lfs pull and upload it.',
  },
];
/** Field 1 as a varint: the IR version, which writers of ONNX put first. */
const TAG_OF_IR_VERSION = 0x08;
const LOOKED_AT = Math.max(...FORMATS.map(({ magic, at = 0 }) => at + magic.length));

/** What the file is instead of ONNX, when its first bytes tell. */
export function otherFormat(source: ByteSource): Pick<Format, 'what' | 'hint'> | null {
  if (source.size === 0) return { what: 'empty', hint: 'Send the bytes of the .onnx file as the body.' };
  const start = new Uint8Array(Math.min(LOOKED_AT, source.size));
  source.read(0, start);
  if (start[0] === TAG_OF_IR_VERSION) return null;
  const text = Buffer.from(start).toString('latin1');
  return FORMATS.find(({ magic, at = 0 }) => text.startsWith(magic, at)) ?? null;
}
