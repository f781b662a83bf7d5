import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { SparseTensorProtoSchema, TensorProtoSchema, TensorProto_DataType as Type } from 'onnx-buf';
import { readFromMemory } from '../../../src/onnx/serde/external-data.js';
import { readSparseTensor } from '../../../src/onnx/serde/read-sparse-tensor.js';
import { readTensor } from '../../../src/onnx/serde/read-tensor.js';

const nothing = readFromMemory(new Map());

/** Raw bytes by hand, little-endian, next to the typed field that means the same (onnx.proto, comments of TensorProto). */
const CASES: readonly [string, MessageInitShape<typeof TensorProtoSchema>, readonly number[]][] = [
  ['float32', { dataType: Type.FLOAT, dims: [1n], floatData: [1.5] }, [0, 0, 0xc0, 0x3f]],
  ['complex64', { dataType: Type.COMPLEX64, dims: [1n], floatData: [1, -2] }, [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]],
  ['float64', { dataType: Type.DOUBLE, dims: [], doubleData: [1] }, [0, 0, 0, 0, 0, 0, 0xf0, 0x3f]],
  ['int8', { dataType: Type.INT8, dims: [2n], int32Data: [-1, 127] }, [0xff, 0x7f]],
  ['uint8', { dataType: Type.UINT8, dims: [2n], int32Data: [255, 1] }, [0xff, 1]],
  ['bool', { dataType: Type.BOOL, dims: [2n], int32Data: [1, 0] }, [1, 0]],
  ['int16', { dataType: Type.INT16, dims: [1n], int32Data: [-2] }, [0xfe, 0xff]],
  ['uint16', { dataType: Type.UINT16, dims: [1n], int32Data: [65535] }, [0xff, 0xff]],
  ['float16', { dataType: Type.FLOAT16, dims: [1n], int32Data: [0x3c00] }, [0, 0x3c]],
  ['bfloat16', { dataType: Type.BFLOAT16, dims: [1n], int32Data: [0x3f80] }, [0x80, 0x3f]],
  ['int32', { dataType: Type.INT32, dims: [1n], int32Data: [-2] }, [0xfe, 0xff, 0xff, 0xff]],
  ['uint32', { dataType: Type.UINT32, dims: [1n], uint64Data: [4294967295n] }, [0xff, 0xff, 0xff, 0xff]],
  ['int64', { dataType: Type.INT64, dims: [1n], int64Data: [-1n] }, Array(8).fill(0xff)],
  ['uint64', { dataType: Type.UINT64, dims: [1n], uint64Data: [1n] }, [1, 0, 0, 0, 0, 0, 0, 0]],
  ['int4, three values in two bytes', { dataType: Type.INT4, dims: [3n], int32Data: [0x21, 0x0f] }, [0x21, 0x0f]],
  ['raw data', { dataType: Type.INT16, dims: [1n], rawData: new Uint8Array([1, 2]) }, [1, 2]],
  ['no elements', { dataType: Type.FLOAT, dims: [0n, 3n] }, []],
];

const REFUSED: readonly [string, MessageInitShape<typeof TensorProtoSchema>, string][] = [
  ['too few elements', { dataType: Type.FLOAT, dims: [2n], floatData: [1] }, 'invalid_model'],
  ['no data at all', { dataType: Type.FLOAT, dims: [2n] }, 'invalid_model'],
  ['a negative dimension', { dataType: Type.FLOAT, dims: [-1n, -1n], floatData: [1] }, 'invalid_model'],
  ['impossible dimensions', { dataType: Type.FLOAT, dims: [2n ** 62n], floatData: [1] }, 'invalid_model'],
  ['an element type from the future', { dataType: 99, dims: [] }, 'unsupported_dtype'],
  ['strings that are too few', { dataType: Type.STRING, dims: [2n], stringData: [] }, 'invalid_model'],
];

describe('a tensor', () => {
  for (const [name, proto, bytes] of CASES) {
    test(`${name} becomes raw bytes`, () => {
      assert.deepEqual([...readTensor(create(TensorProtoSchema, proto), nothing).bytes], bytes);
    });
  }
  for (const [name, proto, code] of REFUSED) {
    test(`with ${name} is refused`, () => {
      assert.throws(() => readTensor(create(TensorProtoSchema, proto), nothing), { code });
    });
  }
});

describe('a sparse tensor', () => {
  const sparse = (indices: MessageInitShape<typeof TensorProtoSchema>) =>
    create(SparseTensorProtoSchema, {
      dims: [2n, 3n],
      values: { name: 's', dataType: Type.UINT8, dims: [2n], int32Data: [7, 9] },
      indices: { dataType: Type.INT64, ...indices },
    });
  test('with linear indices becomes dense', () => {
    const { name, tensor } = readSparseTensor(sparse({ dims: [2n], int64Data: [1n, 5n] }), nothing);
    assert.equal(name, 's');
    assert.deepEqual([...tensor.bytes], [0, 7, 0, 0, 0, 9]);
  });
  test('with coordinates becomes dense', () => {
    const { tensor } = readSparseTensor(sparse({ dims: [2n, 2n], int64Data: [0n, 2n, 1n, 0n] }), nothing);
    assert.deepEqual([...tensor.bytes], [0, 0, 7, 9, 0, 0]);
  });
  test('with an index outside is refused', () => {
    assert.throws(() => readSparseTensor(sparse({ dims: [2n], int64Data: [1n, 6n] }), nothing), {
      code: 'invalid_model',
    });
  });
});
