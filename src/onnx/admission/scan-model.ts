import type { ModelInspection } from '../../contracts/model.js';
import { type ErrorCode, ServiceError } from '../../platform/errors.js';
import { checkCalls, indexFunctions, scanFunction } from './functions.js';
import { scanGraph } from './graph.js';
import * as limits from './limits.js';
import { MODEL, PAIR } from './messages.js';
import { readOpsets } from './opsets.js';
import { otherFormat } from './other-formats.js';
import { limitExceeded, quote } from './refusal.js';
import { ScanState } from './scan-state.js';
import type { Body } from './surroundings.js';
import { walk } from './walk.js';
import { type ByteSource, Cursor, Window, WireError, type WireFault } from './wire.js';

/** What a model's outermost fields hold. */
interface Outline {
  irVersion: bigint | null;
  producer: string;
  graph: Cursor | null;
  readonly opsets: Cursor[];
  readonly functions: Cursor[];
  metadataEntries: number;
  metadataBytes: number;
}

const CODE_OF_FAULT: Readonly<Record<WireFault, ErrorCode>> = {
  truncated: 'truncated_model',
  malformed: 'invalid_model',
  too_deep: 'model_limit_exceeded',
  too_long: 'model_limit_exceeded',
  too_many_fields: 'scan_limit_exceeded',
};

/**
 * Scans an ONNX file: every limit of limits.ts, every tensor's size, names and order of the graph, operators, functions and external data.
 * Reads no weights and needs constant memory but for the names. `external`: sizes of the uploaded external data files by location.
 * @throws ServiceError saying what is wrong and where.
 */
export function scanModel(source: ByteSource, external: ReadonlyMap<string, number>): ModelInspection {
  if (source.size > limits.MAX_MODEL_BYTES)
    throw limitExceeded('The ONNX file', 'bytes', source.size, limits.MAX_MODEL_BYTES);
  const other = otherFormat(source);
  if (other !== null) throw new ServiceError('not_onnx', `The file is ${other.what}.`, { hint: other.hint });
  const outline = readOutline(source);
  try {
    return scanOutline(outline, external);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new ServiceError(CODE_OF_FAULT[error.fault], `The file is damaged: ${error.message}.`, {
      hint: 'Check that the file was copied whole and that its exporter finished.',
    });
  }
}

function readOutline(source: ByteSource): Outline {
  const outline: Outline = {
    irVersion: null,
    producer: '',
    graph: null,
    opsets: [],
    functions: [],
    metadataEntries: 0,
    metadataBytes: 0,
  };
  const whole = new Cursor(new Window(source), 0, source.size, 0);
  try {
    walk(whole, MODEL, {
      ints: {
        ir_version: (value) => {
          outline.irVersion = value;
        },
      },
      bytes: {
        producer_name: (payload) => {
          outline.producer = payload.text(limits.MAX_NAME_BYTES);
        },
        graph: (payload) => {
          outline.graph = payload;
        },
        opset_import: (payload) => bounded(outline.opsets, payload, 'operator set imports', limits.MAX_OPSET_IMPORTS),
        functions: (payload) => bounded(outline.functions, payload, 'local functions', limits.MAX_FUNCTIONS),
        metadata_props: (payload) => {
          outline.metadataBytes += payload.length;
          outline.metadataEntries++;
          walk(payload, PAIR, {});
        },
      },
    });
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    const { irVersion } = outline;
    if (irVersion === null || irVersion < 1n || irVersion > MAX_PLAUSIBLE_IR_VERSION) throw notOnnx(error.message);
    throw new ServiceError(CODE_OF_FAULT[error.fault], `The file is damaged: ${error.message}.`, {
      hint: 'Upload it again; check that its exporter finished and that the file was copied whole.',
    });
  }
  return outline;
}

function bounded(list: Cursor[], payload: Cursor, what: string, limit: number): void {
  list.push(payload);
  if (list.length > limit) throw limitExceeded('The model', what, list.length, limit);
}

/** Anything beyond is no version but chance: the file is not ONNX. */
const MAX_PLAUSIBLE_IR_VERSION = 1000n;

const notOnnx = (why: string): ServiceError =>
  new ServiceError('not_onnx', `The file is not an ONNX model: ${why}.`, {
    hint: 'Upload the .onnx file itself, not an archive, a checkpoint or a text.',
  });

function scanOutline(outline: Outline, external: ReadonlyMap<string, number>): ModelInspection {
  const { irVersion, graph } = outline;
  if (irVersion === null || irVersion > MAX_PLAUSIBLE_IR_VERSION || irVersion < 1n)
    throw notOnnx('it has no IR version');
  if (irVersion < limits.OLDEST_IR_VERSION || irVersion > limits.NEWEST_IR_VERSION)
    throw new ServiceError(
      'unsupported_opset',
      `The model has IR version ${irVersion}; supported are ${limits.OLDEST_IR_VERSION} to ${limits.NEWEST_IR_VERSION}.`,
      { hint: 'Save the model again with a supported IR version (onnx.ModelProto.ir_version).' },
    );
  if (graph === null || outline.opsets.length === 0)
    throw new ServiceError(
      'truncated_model',
      `The file ends without ${graph === null ? 'a graph' : 'its operator set versions (opset_import)'}.`,
      { hint: 'Upload it again; check that its exporter finished and that the file was copied whole.' },
    );
  if (outline.metadataEntries > limits.MAX_METADATA_ENTRIES)
    throw limitExceeded('The model', 'metadata entries', outline.metadataEntries, limits.MAX_METADATA_ENTRIES);
  if (outline.metadataBytes > limits.MAX_METADATA_BYTES)
    throw limitExceeded('The model', 'bytes of metadata', outline.metadataBytes, limits.MAX_METADATA_BYTES);

  const opsets = readOpsets(outline.opsets);
  const functions = indexFunctions(outline.functions);
  const state = new ScanState(external, new Set(functions.keys()));
  const main: Body = { opsets, calls: new Map(), nodes: 0, reported: true };
  const { inputs, outputs } = scanGraph(graph, main, null, 0, state);
  const bodies = new Map([...functions].map(([key, body]) => [key, scanFunction(body, state)]));
  checkCalls(main, bodies);
  checkMissing(state);
  const inspection = {
    ir_version: Number(irVersion),
    producer: outline.producer,
    opsets: Object.fromEntries(opsets),
    inputs: [...inputs],
    outputs: [...outputs],
    operators: Object.fromEntries([...state.operators].sort(([a], [b]) => (a < b ? -1 : 1))),
    nodes: main.nodes,
    parameters: state.parameters,
    weight_bytes: state.weightBytes,
    external_data: [...state.locations],
  };
  const size = Buffer.byteLength(JSON.stringify(inspection));
  if (size > limits.MAX_INSPECTION_BYTES)
    throw limitExceeded(
      'The model',
      'inputs, outputs, functions and external files whose description has bytes:',
      size,
      limits.MAX_INSPECTION_BYTES,
    );
  return inspection;
}

function checkMissing(state: ScanState): void {
  if (state.missing.size === 0) return;
  const listed = [...state.missing].slice(0, limits.MAX_LISTED_FILES);
  const more = state.missing.size - listed.length;
  throw new ServiceError(
    'missing_external_data',
    `The model names external data that was not uploaded: ${listed.map(quote).join(', ')}${more > 0 ? ` and ${more} more` : ''}.`,
    {
      hint: 'Upload as multipart/form-data: the model as "model", each of these files under its own name as "external_data".',
      errors: listed.map((location) => ({
        pointer: '/external_data',
        code: 'missing_external_data',
        message: `the file ${quote(location)} is missing`,
        expected: location,
      })),
    },
  );
}
