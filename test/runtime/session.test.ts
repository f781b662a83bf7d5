import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ElementType } from '../../src/contracts/signature.js';
import { node } from '../../src/onnx/ir/graph.js';
import { byteLength, elements, floats, int64s, type Tensor } from '../../src/onnx/ir/tensor.js';
import { decodeModel } from '../../src/onnx/serde/decode-model.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { writeModel } from '../../src/onnx/serde/write-model.js';
import { ServiceError } from '../../src/platform/errors.js';
import { foldBasic } from '../../src/runtime/fold-basic.js';
import { openSession, withSession } from '../../src/runtime/session.js';
import { smallModel } from './small-model.js';

const OPTIONS = { threads: 1 } as const;
const PASSED: readonly ElementType[] = [
  'float32',
  'float64',
  'float16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
];

const identity = (dtype: ElementType) =>
  encodeModel(
    smallModel({
      nodes: [node('Identity', ['x'], ['y'])],
      inputs: { x: [dtype, ['n']] },
      outputs: { y: [dtype, ['n']] },
    }),
  );

const product = smallModel({
  nodes: [node('MatMul', ['x', 'w'], ['y'], { name: 'product' })],
  inputs: { x: ['float32', ['n', 2]] },
  outputs: { y: ['float32', ['n', 3]] },
  constants: { w: floats([1, 2, 3, 4, 5, 6], [2, 3]) },
});

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runtime-'));
});
after(() => rm(folder, { recursive: true }));

describe('openSession', () => {
  for (const dtype of PASSED) {
    it(`passes ${dtype} in and out, bit by bit`, async () => {
      const bytes = Uint8Array.from({ length: byteLength(dtype, [4]) }, (_, i) =>
        dtype === 'bool' ? i % 2 : i * 7 + 1,
      );
      await withSession(identity(dtype), OPTIONS, async (session) => {
        const result = (await session.run(new Map([['x', { dtype, dims: [4], bytes }]]))).get('y');
        assert.deepEqual(result && { ...result, bytes: Uint8Array.from(result.bytes) }, { dtype, dims: [4], bytes });
      });
    });
  }

  it('tells the signature with names of free dimensions', async () => {
    await withSession(encodeModel(product), OPTIONS, async ({ inputs, outputs }) => {
      assert.deepEqual(inputs, [{ name: 'x', dtype: 'float32', shape: ['n', 2] }]);
      assert.deepEqual(outputs, [{ name: 'y', dtype: 'float32', shape: ['n', 3] }]);
    });
  });

  it('reads bytes that do not lie on an element boundary', async () => {
    const unaligned = new Uint8Array(9).subarray(1);
    unaligned.set(floats([1, 1]).bytes);
    await withSession(encodeModel(product), OPTIONS, async (session) => {
      const y = (
        await session.run(new Map([['x', { dtype: 'float32', dims: [1, 2], bytes: unaligned } as Tensor]]))
      ).get('y');
      assert.deepEqual([...elements(y as Tensor, 'float32')], [5, 7, 9]);
    });
  });

  it('finds external data where the model says and under any other name', async () => {
    const wide = smallModel({
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
      inputs: { x: ['float32', ['n', 2]] },
      outputs: { y: ['float32', ['n', 300]] },
      constants: {
        w: floats(
          Array.from({ length: 600 }, (_, i) => i),
          [2, 300],
        ),
      },
    });
    const [model, data] = await writeModel(wide, folder, 'external.onnx', 1);
    assert.ok(model && data?.location);
    const elsewhere = join(folder, 'sha256-of-the-data');
    await copyFile(data.path, elsewhere);
    const bytes = new Uint8Array(await readFile(model.path));
    for (const [source, path] of [
      [model.path, data.path],
      [model.path, elsewhere],
      [bytes, elsewhere],
    ] as const) {
      if (path === elsewhere) await rm(data.path, { force: true });
      const external = [{ location: data.location, path }];
      await withSession(source, { ...OPTIONS, external }, async (session) => {
        const y = (await session.run(new Map([['x', floats([1, 1], [1, 2])]]))).get('y');
        assert.deepEqual(
          [...elements(y as Tensor, 'float32')],
          Array.from({ length: 300 }, (_, i) => i + i + 300),
        );
      });
    }
  });

  it('writes the executed graph', async () => {
    const optimizedModelPath = join(folder, 'executed.onnx');
    await withSession(encodeModel(product), { ...OPTIONS, optimizedModelPath }, async () => {});
    assert.ok((await readdir(folder)).includes('executed.onnx'));
  });

  it('sets session entries by their full key', async () => {
    const extra = { 'session.disable_quant_qdq': '1', 'session.set_denormal_as_zero': '1' };
    await withSession(encodeModel(product), { ...OPTIONS, extra }, async (session) => assert.ok(session));
  });

  it('writes a profile when it is released', async () => {
    const profilePrefix = join(folder, 'profile');
    await withSession(encodeModel(product), { ...OPTIONS, profilePrefix }, (session) => session.run(x([1, 2])));
    const profiles = (await readdir(folder)).filter((file) => file.startsWith('profile'));
    assert.equal(profiles.length, 1);
    assert.match(await readFile(join(folder, profiles[0] ?? ''), 'utf8'), /"op_name" : "MatMul"/);
  });

  it('may be released twice', async () => {
    const session = await openSession(encodeModel(product), OPTIONS);
    await session.release();
    await session.release();
  });
});

interface Failure {
  readonly name: string;
  readonly model: Uint8Array;
  readonly feeds?: ReadonlyMap<string, Tensor>;
  readonly code: string;
  readonly node?: { readonly name: string; readonly op_type: string };
  readonly says: RegExp;
}

const one = (opType: string, outputType: ElementType = 'float32') =>
  smallModel({
    nodes: [node(opType, ['x'], ['y'], { name: 'only' })],
    inputs: { x: ['float32', ['n', 2]] },
    outputs: { y: [outputType, null] },
  });
const x = (dims: readonly number[]) =>
  new Map([['x', floats(new Float32Array(dims.reduce((a, b) => a * b, 1)), dims)]]);

const FAILURES: readonly Failure[] = [
  {
    name: 'not a model',
    model: new Uint8Array([1, 2, 3]),
    code: 'model_load_failed',
    says: /not a readable ONNX model/,
  },
  {
    name: 'an unknown operator',
    model: encodeModel(one('NoSuchThing')),
    code: 'model_load_failed',
    node: { name: 'only', op_type: 'NoSuchThing' },
    says: /NoSuchThing "only".*does not exist/,
  },
  {
    name: 'shapes that contradict each other',
    model: encodeModel({
      ...product,
      graph: { ...product.graph, inputs: [{ name: 'x', type: { kind: 'tensor', dtype: 'float32', shape: [1, 5] } }] },
    }),
    code: 'model_load_failed',
    node: { name: 'product', op_type: 'MatMul' },
    says: /MatMul "product".*shapes/,
  },
  {
    name: 'shapes that only a run shows',
    model: encodeModel({
      ...product,
      graph: {
        ...product.graph,
        inputs: [{ name: 'x', type: { kind: 'tensor', dtype: 'float32', shape: ['n', 'k'] } }],
      },
    }),
    feeds: x([1, 5]),
    code: 'model_run_failed',
    node: { name: 'product', op_type: 'MatMul' },
    says: /run the model at MatMul "product"/,
  },
  {
    name: 'more memory than there is',
    model: encodeModel(
      smallModel({
        nodes: [node('ConstantOfShape', ['x'], ['y'], { name: 'huge' })],
        inputs: { x: ['int64', [2]] },
        outputs: { y: ['float32', null] },
      }),
    ),
    feeds: new Map([['x', int64s([10_000_000, 10_000_000])]]),
    code: 'memory_limit_exceeded',
    node: { name: 'huge', op_type: 'ConstantOfShape' },
    says: /memory/,
  },
  {
    name: 'a missing input',
    model: encodeModel(product),
    feeds: new Map(),
    code: 'model_run_failed',
    says: /"x" has no value/,
  },
  {
    name: 'another element type',
    model: encodeModel(product),
    feeds: new Map([['x', int64s([1, 2], [1, 2])]]),
    code: 'model_run_failed',
    says: /takes float32, not int64/,
  },
  {
    name: 'another shape',
    model: encodeModel(product),
    feeds: x([1, 3]),
    code: 'model_run_failed',
    says: /takes the shape \[n, 2\], not \[1, 3\]/,
  },
];

describe('failures', () => {
  for (const { name, model, feeds, code, node: blamed, says } of FAILURES) {
    it(`${name} gives ${code} in our own words`, async () => {
      const attempt = withSession(model, OPTIONS, (session) => session.run(feeds ?? new Map()));
      await assert.rejects(attempt, (error) => {
        assert.ok(error instanceof ServiceError);
        assert.equal(error.code, code);
        assert.match(error.detail, says);
        assert.doesNotMatch(error.detail, /onnxruntime_src|\.cc|\.h:|Status Message/);
        assert.deepEqual(error.context.node, blamed);
        return true;
      });
    });
  }
});

describe('foldBasic', () => {
  it('folds constants and leaves no file behind', async () => {
    const model = smallModel({
      nodes: [node('Add', ['a', 'a'], ['b']), node('Mul', ['x', 'b'], ['y'])],
      inputs: { x: ['float32', [2]] },
      outputs: { y: ['float32', [2]] },
      constants: { a: floats([1, 2]) },
    });
    const path = join(folder, 'to-fold.onnx');
    await writeFile(path, encodeModel(model));
    const before = await readdir(folder);
    const folded = decodeModel(await foldBasic(path, folder));
    assert.deepEqual(
      folded.graph.nodes.map((kept) => kept.opType),
      ['Mul'],
    );
    assert.deepEqual(await readdir(folder), before);
    await assert.rejects(foldBasic(new Uint8Array([1]), folder), ServiceError);
    assert.deepEqual(await readdir(folder), before);
  });
});
