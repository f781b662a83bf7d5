import { create, toBinary } from '@bufbuild/protobuf';
import { FunctionProtoSchema } from 'onnx-buf';
import { type Graph, type Model, type Node, node } from '../../src/onnx/ir/graph.js';
import { floats, int64s, type Tensor, tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { seededRandom } from '../../src/platform/random.js';

const FLOAT_ROWS = { kind: 'tensor', dtype: 'float32', shape: ['n', 4] } as const;

/** The bytes of a model that maps x [n, 4] to y, from its nodes and constants. */
function model(
  nodes: readonly Node[],
  constants: Readonly<Record<string, Tensor>>,
  columns = 4,
  extra: Partial<Model> = {},
): Uint8Array {
  const graph: Graph = {
    name: 'main',
    nodes: [...nodes],
    inputs: [{ name: 'x', type: FLOAT_ROWS }],
    outputs: [{ name: 'y', type: { ...FLOAT_ROWS, shape: ['n', columns] } }],
    initializers: new Map(Object.entries(constants)),
    values: new Map(),
  };
  return encodeModel({
    irVersion: 8,
    producer: 'test',
    opsets: new Map([['', 17]]),
    graph,
    functions: [],
    metadata: new Map(),
    ...extra,
  });
}

/** A small classifier, x · A, Relu, · B: something to quantize. Another seed gives other weights. */
export function classifier(seed = 1): Uint8Array {
  const random = seededRandom(seed);
  const weights = (rows: number, columns: number) =>
    floats(
      Array.from({ length: rows * columns }, () => random() - 0.5),
      [rows, columns],
    );
  return model(
    [
      node('MatMul', ['x', 'a'], ['h'], { name: 'first' }),
      node('Relu', ['h'], ['r'], { name: 'relu' }),
      node('MatMul', ['r', 'b'], ['y'], { name: 'second' }),
    ],
    { a: weights(4, 64), b: weights(64, 3) },
    3,
  );
}

/** Doubles x for ever: one run of ONNX Runtime never comes back. */
export function endless(): Uint8Array {
  const scalar = (name: string, dtype: 'int64' | 'bool') => ({
    name,
    type: { kind: 'tensor', dtype, shape: [] } as const,
  });
  const any = (name: string) => ({ name, type: { kind: 'tensor', dtype: 'float32', shape: null } as const });
  const body: Graph = {
    name: 'body',
    nodes: [node('Identity', ['go'], ['go_on']), node('Add', ['v', 'v'], ['w'])],
    inputs: [scalar('i', 'int64'), scalar('go', 'bool'), any('v')],
    outputs: [scalar('go_on', 'bool'), any('w')],
    initializers: new Map(),
    values: new Map(),
  };
  return model([node('Loop', ['', 'yes', 'x'], ['y'], { attributes: { body: { kind: 'graph', value: body } } })], {
    yes: tensor('bool', [], Uint8Array.of(1)),
  });
}

/** Expands x to 100 GB before it takes the mean. */
export function hungry(): Uint8Array {
  return model(
    [
      node('Expand', ['x', 'shape'], ['wide'], { name: 'expand' }),
      node('ReduceMean', ['wide'], ['y'], { attributes: { axes: [0], keepdims: 1 } }),
    ],
    { shape: int64s([6_250_000_000, 4]) },
  );
}

/** Local functions that call each other 3000 deep: ONNX Runtime inlines them on its stack and crashes. Admission refuses it. */
export function deepChain(): Uint8Array {
  const imports = [
    { domain: '', version: 17n },
    { domain: 'local', version: 1n },
  ];
  const functions = Array.from({ length: 3000 }, (_, i) => {
    const call = i === 0 ? { opType: 'Relu' } : { opType: `F${i - 1}`, domain: 'local' };
    const inner = { ...call, input: ['a'], output: ['b'] };
    const proto = create(FunctionProtoSchema, {
      domain: 'local',
      name: `F${i}`,
      input: ['a'],
      output: ['b'],
      node: [inner],
      opsetImport: imports,
    });
    return { domain: 'local', name: `F${i}`, encoded: toBinary(FunctionProtoSchema, proto) };
  });
  const opsets = new Map([
    ['', 17],
    ['local', 1],
  ]);
  return model([node('F2999', ['x'], ['y'], { domain: 'local' })], {}, 4, { functions, opsets });
}
