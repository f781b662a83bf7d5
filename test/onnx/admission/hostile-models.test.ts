import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, ServiceError } from '../../../src/platform/errors.js';
import { scan } from './scan.js';
import * as w from './wire-writer.js';

interface Hostile {
  readonly code: ErrorCode;
  readonly bytes: Uint8Array;
  /** What the sentence must name. */
  readonly says?: RegExp;
  readonly node?: string;
  readonly external?: Readonly<Record<string, number>>;
}

const relu = w.node();
const weight = (fields: w.TensorFields) => w.model({ graph: w.graph(relu, w.bytes(5, w.tensor(fields))) });
const withExternal = (entries: Record<string, string>, files: Record<string, number> = { 'w.bin': 100 }) => ({
  bytes: w.model({ graph: w.graph(relu, w.bytes(5, w.external(entries))) }),
  external: files,
});
const op = (fields: w.NodeFields, opsets?: Uint8Array[]) =>
  w.model({ graph: w.graph(w.node(fields)), ...(opsets ? { opsets } : {}) });
const calling = (first: string, ...functions: Uint8Array[]) =>
  w.model({
    graph: w.graph(w.node({ op: first, domain: 'local' })),
    opsets: [w.opset(17), w.opset(1, 'local')],
    parts: functions,
  });
const call = (name: string, outputs = ['b']): w.NodeFields => ({ op: name, domain: 'local', inputs: ['a'], outputs });
const chain = (length: number) =>
  calling(
    'f0',
    ...Array.from({ length }, (_, i) =>
      w.localFunction({
        name: `f${i}`,
        nodes: [i === length - 1 ? { op: 'Relu', inputs: ['a'], outputs: ['b'] } : call(`f${i + 1}`)],
      }),
    ),
  );
/** Each function calls the next twice: 2^depth nodes after inlining. */
const doubling = (depth: number) =>
  calling(
    'f0',
    ...Array.from({ length: depth }, (_, i) =>
      w.localFunction({
        name: `f${i}`,
        nodes:
          i === depth - 1
            ? [{ op: 'Relu', inputs: ['a'], outputs: ['b'] }]
            : [call(`f${i + 1}`, ['c']), { ...call(`f${i + 1}`), inputs: ['c'] }],
      }),
    ),
  );
const nestedIf = (depth: number): Uint8Array => {
  let inner = w.join([w.bytes(2, 'leaf'), w.node({ outputs: ['leaf'] }), w.value(12, 'leaf')]);
  for (let i = 0; i < depth; i++) {
    const branch = w.attribute('then_branch', w.bytes(6, inner));
    inner = w.join([
      w.bytes(2, 'g'),
      w.node({ op: 'If', outputs: [`o${i}`], attributes: [branch] }),
      w.value(12, `o${i}`),
    ]);
  }
  return w.model({ graph: w.join([inner, w.value(11, 'x')]) });
};
const nestedType = (depth: number): Uint8Array => {
  let type: Uint8Array = w.message(1, w.int(1, 1));
  for (let i = 0; i < depth; i++) type = w.message(4, w.bytes(1, type));
  return w.model({ graph: w.graph(relu, w.message(13, w.bytes(1, 'v'), w.bytes(2, type))) });
};
const many = (count: number, part: (i: number) => Uint8Array) => Array.from({ length: count }, (_, i) => part(i));
const repeated = (count: number, part: Uint8Array) => Buffer.alloc(count * part.length, part);
const four = new Uint8Array(4);

const HOSTILE: Readonly<Record<string, Hostile>> = {
  // Not ONNX
  'an empty file': { code: 'not_onnx', bytes: new Uint8Array(0), says: /is empty/ },
  'a text': { code: 'not_onnx', bytes: Buffer.from('Hello, I am a model.') },
  'a JSON document': { code: 'not_onnx', bytes: Buffer.from('{"model": "mobilenet"}'), says: /a text/ },
  'a zip archive': { code: 'not_onnx', bytes: Buffer.from('PK\x03\x04 and so on, for ever'), says: /PyTorch/ },
  'a pickle': { code: 'not_onnx', bytes: Uint8Array.from([0x80, 0x04, 0x95, 0x10, 0, 0, 0]), says: /pickle/ },
  'a Keras model': { code: 'not_onnx', bytes: Buffer.from('\x89HDF\r\n\x1a\n and more', 'latin1'), says: /HDF5/ },
  'a TensorFlow Lite model': { code: 'not_onnx', bytes: Buffer.from('\x1c\0\0\0TFL3 and more'), says: /Lite/ },
  'an array': { code: 'not_onnx', bytes: Buffer.from('\x93NUMPY\x01\0', 'latin1'), says: /NumPy/ },
  'a pointer of Git LFS': { code: 'not_onnx', bytes: Buffer.from('version https://git-lfs.github.com'), says: /LFS/ },
  'another protobuf message': { code: 'not_onnx', bytes: w.bytes(1, 'name') },
  'a message without an IR version': { code: 'not_onnx', bytes: w.bytes(2, 'producer') },
  // Cut off
  'a model without a graph': { code: 'truncated_model', bytes: w.int(1, 8), says: /without a graph/ },
  'a model without operator sets': { code: 'truncated_model', bytes: w.model({ opsets: [] }), says: /opset_import/ },
  'a graph longer than the file': {
    code: 'truncated_model',
    bytes: w.join([w.int(1, 8), w.bytes(7, w.graph(relu), 1_000_000)]),
  },
  // Versions
  'operator set 6': { code: 'unsupported_opset', bytes: w.model({ opsets: [w.opset(6)] }), says: /version 6/ },
  'operator set 27': { code: 'unsupported_opset', bytes: w.model({ opsets: [w.opset(27)] }) },
  'operator set -1': { code: 'unsupported_opset', bytes: w.model({ opsets: [w.opset(-1)] }) },
  'operator set 2^62': { code: 'unsupported_opset', bytes: w.model({ opsets: [w.opset(2n ** 62n)] }) },
  'IR version 14': { code: 'unsupported_opset', bytes: w.model({ irVersion: 14 }), says: /IR version 14/ },
  'two versions of one domain': {
    code: 'invalid_model',
    bytes: w.model({ opsets: [w.opset(17), w.opset(13, 'ai.onnx')] }),
    says: /imported twice/,
  },
  // Operators
  'a custom domain': {
    code: 'unsupported_domain',
    bytes: op({ op: 'Evil', domain: 'com.evil' }, [w.opset(17), w.opset(1, 'com.evil')]),
    says: /com\.evil/,
    node: 'n',
  },
  'an unknown operator': { code: 'unknown_operator', bytes: op({ op: 'Frobnicate', name: 'frob' }), node: 'frob' },
  'an operator of a later set': { code: 'unknown_operator', bytes: op({ op: 'Gelu' }), says: /since operator set 20/ },
  'a removed operator': { code: 'unknown_operator', bytes: op({ op: 'Upsample' }), says: /removed in operator set 10/ },
  'an operator called constructor': { code: 'unknown_operator', bytes: op({ op: 'constructor' }) },
  'an operator that loads binaries': {
    code: 'unknown_operator',
    bytes: op({ op: 'EPContext', domain: 'com.microsoft' }, [w.opset(17), w.opset(1, 'com.microsoft')]),
  },
  'a domain without a version': {
    code: 'invalid_model',
    bytes: op({ op: 'Gelu', domain: 'com.microsoft' }),
    node: 'n',
  },
  // Tensors
  'a dimension of 2^62': {
    code: 'model_limit_exceeded',
    bytes: weight({ dims: [2n ** 62n] }),
    says: /"w".*4611686018427387904/,
  },
  'a negative dimension': {
    code: 'invalid_model',
    bytes: weight({ dims: [-1], raw: four }),
    says: /negative dimension -1/,
  },
  'a product of 2^62': { code: 'model_limit_exceeded', bytes: weight({ dims: [2 ** 31 - 1, 2 ** 31 - 1] }) },
  'a product hidden by a zero': {
    code: 'model_limit_exceeded',
    bytes: weight({ dims: [0, 2 ** 31 - 1, 2 ** 31 - 1] }),
  },
  'rank 17': { code: 'model_limit_exceeded', bytes: weight({ dims: Array(17).fill(1), raw: four }) },
  'too little data': {
    code: 'invalid_model',
    bytes: weight({ dims: [2], raw: four }),
    says: /need 8 bytes, it holds 4/,
  },
  'too much data': { code: 'invalid_model', bytes: weight({ raw: new Uint8Array(8) }) },
  'no data': { code: 'invalid_model', bytes: weight({ dims: [2] }), says: /need 2 numbers in float_data/ },
  'data in another field': { code: 'invalid_model', bytes: weight({ dims: [1], parts: [w.message(5, w.varint(1))] }) },
  'data twice': { code: 'invalid_model', bytes: weight({ dims: [1], raw: four, parts: [w.bytes(4, four)] }) },
  'half a float': { code: 'invalid_model', bytes: weight({ dims: [1], parts: [w.bytes(4, new Uint8Array(3))] }) },
  'an undefined type': { code: 'invalid_model', bytes: weight({ type: 0, raw: four }) },
  'type number 24': { code: 'unsupported_dtype', bytes: weight({ type: 24, raw: four }) },
  'a segment': { code: 'invalid_model', bytes: weight({ raw: four, parts: [w.message(3, w.int(1, 0))] }) },
  'a value of 2^62': {
    code: 'model_limit_exceeded',
    bytes: w.model({ graph: w.graph(relu, w.value(13, 'v', [2n ** 62n])) }),
  },
  'a dense terabyte': {
    code: 'model_limit_exceeded',
    bytes: op({
      op: 'Constant',
      inputs: [],
      attributes: [
        w.attribute(
          'sparse_value',
          w.message(
            22,
            w.bytes(1, w.tensor({ dims: [0] })),
            w.bytes(2, w.tensor({ dims: [0], type: 7 })),
            w.int(3, 2 ** 20),
            w.int(3, 2 ** 20),
          ),
        ),
      ],
    }),
  },
  'a description of a megabyte': {
    code: 'model_limit_exceeded',
    bytes: w.model({ graph: w.graph(relu, ...many(300, (i) => w.value(11, `i${i}`, ['d'.repeat(4000)]))) }),
    says: /description/,
  },
  'damaged metadata': { code: 'invalid_model', bytes: w.model({ parts: [w.bytes(14, Uint8Array.of(0x0a, 9, 1))] }) },
  // External data
  'a parent directory': {
    code: 'unsafe_external_data',
    ...withExternal({ location: '../w.bin' }),
    says: /leaves its folder/,
  },
  'a hidden parent directory': { code: 'unsafe_external_data', ...withExternal({ location: 'a/../../w.bin' }) },
  'a dot directory': { code: 'unsafe_external_data', ...withExternal({ location: './w.bin' }) },
  'an absolute path': { code: 'unsafe_external_data', ...withExternal({ location: '/etc/passwd' }), says: /absolute/ },
  'a drive': { code: 'unsafe_external_data', ...withExternal({ location: 'C:w.bin' }) },
  'a backslash': { code: 'unsafe_external_data', ...withExternal({ location: '..\\w.bin' }) },
  'a URL': { code: 'unsafe_external_data', ...withExternal({ location: 'file:w.bin' }) },
  'an address in memory': { code: 'unsafe_external_data', ...withExternal({ location: '*/_ORT_MEM_ADDR_/*' }) },
  'a control character': { code: 'unsafe_external_data', ...withExternal({ location: 'w\n.bin' }) },
  'NUL in a location': { code: 'invalid_model', ...withExternal({ location: 'w.bin\0.txt' }) },
  'no location': { code: 'unsafe_external_data', ...withExternal({ offset: '0' }) },
  'a negative offset': { code: 'unsafe_external_data', ...withExternal({ location: 'w.bin', offset: '-1' }) },
  'a petabyte': {
    code: 'invalid_model',
    ...withExternal({ location: 'w.bin', length: '1125899906842624' }),
    says: /need 8 bytes/,
  },
  'an offset of 2^63': {
    code: 'unsafe_external_data',
    ...withExternal({ location: 'w.bin', offset: '9223372036854775808' }),
  },
  'an offset past the end': {
    code: 'unsafe_external_data',
    ...withExternal({ location: 'w.bin', offset: '96', length: '8' }),
    says: /96 to 104 lie outside "w.bin", which has 100/,
  },
  'no length, and a file that goes on': {
    code: 'invalid_model',
    ...withExternal({ location: 'w.bin' }),
    says: /has 100/,
  },
  'an offset in hexadecimal': { code: 'unsafe_external_data', ...withExternal({ location: 'w.bin', offset: '0x10' }) },
  'an unknown key': {
    code: 'unsafe_external_data',
    ...withExternal({ location: 'w.bin', __class__: 'x' }),
    says: /__class__/,
  },
  'a file that is not there': {
    code: 'missing_external_data',
    ...withExternal({ location: 'other.bin' }),
    says: /"other.bin"/,
  },
  'external strings': {
    code: 'invalid_model',
    bytes: weight({
      type: 8,
      dims: [1],
      parts: [w.message(13, w.bytes(1, 'location'), w.bytes(2, 'w.bin')), w.int(14, 1)],
    }),
  },
  // Functions
  'a chain of 3,000 functions': { code: 'model_limit_exceeded', bytes: chain(3000), says: /1001; the limit is 1000/ },
  'a chain of 101 functions': { code: 'recursive_function', bytes: chain(101), says: /100/ },
  'a function that calls itself': {
    code: 'recursive_function',
    bytes: calling('f', w.localFunction({ name: 'f', nodes: [call('f')] })),
    says: /"f" calls itself/,
  },
  'functions in a circle': {
    code: 'recursive_function',
    bytes: calling(
      'f',
      w.localFunction({ name: 'f', nodes: [call('g')] }),
      w.localFunction({ name: 'g', nodes: [call('f')] }),
    ),
  },
  'functions that double': { code: 'model_limit_exceeded', bytes: doubling(60), says: /inlined/ },
  'two functions of one name': {
    code: 'invalid_model',
    bytes: calling(
      'f',
      ...many(2, () => w.localFunction({ name: 'f', nodes: [{ op: 'Relu', inputs: ['a'], outputs: ['b'] }] })),
    ),
  },
  'a call of a function that is not there': { code: 'unsupported_domain', bytes: calling('f') },
  'an unknown operator in a function': {
    code: 'unknown_operator',
    bytes: calling('f', w.localFunction({ name: 'f', nodes: [{ op: 'Frobnicate', inputs: ['a'], outputs: ['b'] }] })),
  },
  'a function that reads the graph': {
    code: 'invalid_model',
    bytes: calling('f', w.localFunction({ name: 'f', nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['b'] }] })),
  },
  // Nesting
  'subgraphs 17 deep': { code: 'model_limit_exceeded', bytes: nestedIf(17), says: /subgraph nesting of 17/ },
  'types 200 deep': { code: 'model_limit_exceeded', bytes: nestedType(200), says: /nested more than 100/ },
  'types 20,000 deep': { code: 'model_limit_exceeded', bytes: nestedType(20_000) },
  // Graph
  'two graphs': {
    code: 'invalid_model',
    bytes: w.model({ parts: [w.bytes(7, w.graph(relu))] }),
    says: /graph stands twice/,
  },
  'two IR versions': { code: 'invalid_model', bytes: w.model({ parts: [w.int(1, 8)] }) },
  'a value made twice': {
    code: 'invalid_model',
    bytes: w.model({ graph: w.graph(relu, w.node({ name: 'again' })) }),
    says: /"y", which exists already/,
    node: 'again',
  },
  'a node that makes an input': { code: 'invalid_model', bytes: op({ outputs: ['x'] }), node: 'n' },
  'a node that reads what nothing makes': {
    code: 'invalid_model',
    bytes: op({ inputs: ['ghost'] }),
    says: /"ghost"/,
    node: 'n',
  },
  'nodes in the wrong order': {
    code: 'invalid_model',
    bytes: w.model({ graph: w.graph(w.node({ inputs: ['m'] }), w.node({ name: 'late', outputs: ['m'] })) }),
    says: /nothing before it makes/,
  },
  'a node without outputs': { code: 'invalid_model', bytes: op({ outputs: [] }), says: /no outputs/ },
  'an output that nothing makes': { code: 'invalid_model', bytes: op({ outputs: ['z'] }), says: /output "y"/ },
  'two initializers of one name': {
    code: 'invalid_model',
    bytes: w.model({ graph: w.graph(relu, ...many(2, () => w.bytes(5, w.tensor({ raw: four })))) }),
  },
  'two inputs of one name': { code: 'invalid_model', bytes: w.model({ graph: w.graph(relu, w.value(11, 'x')) }) },
  'an attribute twice': {
    code: 'invalid_model',
    bytes: op({ attributes: [w.attribute('a', w.int(3, 1)), w.attribute('a', w.int(3, 2))] }),
    node: 'n',
  },
  'a dimension with a size and a name': {
    code: 'invalid_model',
    bytes: w.model({
      graph: w.graph(
        relu,
        w.message(
          13,
          w.bytes(1, 'v'),
          w.message(2, w.message(1, w.int(1, 1), w.message(2, w.message(1, w.int(1, 1), w.bytes(2, 'n'))))),
        ),
      ),
    }),
  },
  // Wire format
  'a varint of eleven bytes': { code: 'invalid_model', bytes: w.join([w.int(1, 8), Buffer.alloc(11, 0xff)]) },
  'a length of 2^63': { code: 'invalid_model', bytes: w.join([w.int(1, 8), w.bytes(7, '', 2n ** 63n)]) },
  'a field longer than its message': {
    code: 'invalid_model',
    bytes: w.model({ graph: w.join([w.bytes(1, '', 1000), w.bytes(2, 'g')]), parts: [w.bytes(6, 'x'.repeat(2000))] }),
    says: /does not fit into its message/,
  },
  'field number 0': { code: 'invalid_model', bytes: w.model({ parts: [Uint8Array.of(0, 0)] }) },
  'a group': { code: 'invalid_model', bytes: w.model({ parts: [Uint8Array.of(0x5b, 0x5c)] }) },
  'a graph of the wrong wire type': {
    code: 'invalid_model',
    bytes: w.model({ graph: w.int(1, 5) }),
    says: /wrong wire type/,
  },
  'a name that is not UTF-8': {
    code: 'invalid_model',
    bytes: w.model({ graph: w.graph(w.message(1, w.bytes(3, Uint8Array.of(0xff)))) }),
  },
  // Counts
  'a name of 5,000 bytes': {
    code: 'model_limit_exceeded',
    bytes: op({ name: 'n'.repeat(5000) }),
    says: /5000 bytes, the limit is 4096/,
  },
  '1,001 metadata entries': {
    code: 'model_limit_exceeded',
    bytes: w.model({ parts: many(1001, (i) => w.message(14, w.bytes(1, `k${i}`), w.bytes(2, ''))) }),
  },
  '2 MiB of metadata': {
    code: 'model_limit_exceeded',
    bytes: w.model({ parts: [w.message(14, w.bytes(2, 'v'.repeat(2 ** 21)))] }),
  },
  '65 operator sets': {
    code: 'model_limit_exceeded',
    bytes: w.model({ opsets: many(65, (i) => w.opset(1, `d${i}`)) }),
  },
  '20,001 inputs of one node': {
    code: 'model_limit_exceeded',
    bytes: op({ op: 'Concat', inputs: Array(20_001).fill('x') }),
  },
  '1,000,000 nodes': {
    code: 'model_limit_exceeded',
    bytes: w.model({ graph: w.graph(repeated(1_000_000, w.node({ name: '', outputs: [''] }))) }),
    says: /nodes 200001; the limit is 200000/,
  },
};

for (const [name, { code, bytes, says, node, external }] of Object.entries(HOSTILE))
  test(`${name}: ${code}`, () => {
    assert.throws(
      () => scan(bytes, external),
      (error: unknown) => {
        if (!(error instanceof ServiceError)) throw error;
        assert.equal(error.code, code, error.detail);
        if (says) assert.match(error.detail, says);
        if (node !== undefined) assert.equal(error.context.node?.name, node);
        assert.ok(error.detail.length < 1000);
        return true;
      },
    );
  });
