import type { Model } from '../../src/onnx/ir/graph.js';
import { floats, int64s, scalar } from '../../src/onnx/ir/tensor.js';
import { NetworkBuilder } from '../../src/templates/network-builder.js';
import { TEMPLATES } from '../../src/templates/templates.js';

/** Pictures of 28x28 in one channel, ten classes. */
export const PICTURE: { readonly name: string; readonly dims: readonly number[] } = { name: 'x', dims: [1, 28, 28] };
export const CLASSES = 10;
const SIGNATURE = { input: PICTURE, output: 'y', classes: CLASSES };

const WIDTH = 128;
const HEADS = 4;
const SIZE = WIDTH / HEADS;
/** Patches of 4x4 along each side. */
const SIDE = 7;
const PATCH = 4;
const TOKENS = SIDE * SIDE;

/** Pictures as 49 patches of 16, width 128, two blocks of four heads, exact GELU, GELU spelled out as exporters do. */
function transformer(random: () => number): Model {
  const net = new NetworkBuilder({ input: PICTURE, output: 'y', classes: CLASSES }, random);
  const shape = (name: string, dims: readonly number[]) => net.constant(name, int64s(dims));
  const linear = (name: string, x: string, inputs: number, outputs: number) =>
    net.op('Add', name, [
      net.op('MatMul', `${name}.product`, [x, net.uniform(`${name}.weight`, [inputs, outputs], inputs)]),
      net.uniform(`${name}.bias`, [outputs], inputs),
    ]);
  const normalized = (name: string, x: string) =>
    net.op('LayerNormalization', name, [
      x,
      net.filled(`${name}.weight`, WIDTH, 1),
      net.filled(`${name}.bias`, WIDTH, 0),
    ]);
  const gelu = (name: string, x: string) => {
    const erf = net.op('Erf', `${name}.erf`, [net.op('Div', `${name}.scaled`, [x, 'root'])]);
    return net.op('Mul', name, [
      net.op('Mul', `${name}.twice`, [x, net.op('Add', `${name}.one`, [erf, 'one'])]),
      'half',
    ]);
  };
  const attention = (name: string, x: string) => {
    const heads = net.op(
      'Transpose',
      `${name}.heads`,
      [net.op('Reshape', `${name}.split`, [linear(`${name}.qkv`, x, WIDTH, 3 * WIDTH), 'split'])],
      {
        perm: [2, 0, 3, 1, 4],
      },
    );
    const [q = '', k = '', v = ''] = net
      .split(`${name}.parts`, heads, 3, 0)
      .map((part, i) => net.op('Squeeze', `${name}.${'qkv'[i]}`, [part, 'first']));
    const transposed = net.op('Transpose', `${name}.k.transposed`, [k], { perm: [0, 1, 3, 2] });
    const scores = net.op('Mul', `${name}.scaled`, [
      net.op('MatMul', `${name}.scores`, [q, transposed]),
      'temperature',
    ]);
    const mixed = net.op('MatMul', `${name}.mixed`, [net.op('Softmax', `${name}.weights`, [scores], { axis: -1 }), v]);
    const joined = net.op('Reshape', `${name}.joined`, [
      net.op('Transpose', `${name}.back`, [mixed], { perm: [0, 2, 1, 3] }),
      'join',
    ]);
    return linear(`${name}.o`, joined, WIDTH, WIDTH);
  };
  net.constant('root', scalar(Math.SQRT2));
  net.constant('one', scalar(1));
  net.constant('half', scalar(0.5));
  net.constant('temperature', scalar(SIZE ** -0.5));
  shape('first', [0]);
  shape('split', [-1, TOKENS, 3, HEADS, SIZE]);
  shape('join', [-1, TOKENS, WIDTH]);

  const grid = net.op('Reshape', 'grid', ['x', shape('grid.shape', [-1, SIDE, PATCH, SIDE, PATCH])]);
  const tiles = net.op('Transpose', 'tiles', [grid], { perm: [0, 1, 3, 2, 4] });
  const patches = net.op('Reshape', 'patches', [tiles, shape('patches.shape', [-1, TOKENS, PATCH * PATCH])]);
  const embedded = linear('embed', patches, PATCH * PATCH, WIDTH);
  let x = net.op('Add', 'placed', [
    embedded,
    net.constant('position', floats(new Float32Array(TOKENS * WIDTH), [1, TOKENS, WIDTH])),
  ]);
  for (const block of ['block0', 'block1']) {
    const attended = net.op('Add', `${block}.attended`, [x, attention(block, normalized(`${block}.n1`, x))]);
    const hidden = gelu(`${block}.gelu`, linear(`${block}.a`, normalized(`${block}.n2`, attended), WIDTH, 4 * WIDTH));
    x = net.op('Add', `${block}.out`, [attended, linear(`${block}.b`, hidden, 4 * WIDTH, WIDTH)]);
  }
  const pooled = net.op('ReduceMean', 'pooled', [normalized('norm', x), shape('tokens', [1])], { keepdims: 0 });
  return net.model(net.dense('logits', pooled, WIDTH, CLASSES));
}

export interface BenchNetwork {
  readonly name: string;
  readonly batch: number;
  build(random: () => number): Model;
}

/** The networks that training is measured on; the peer builds the same ones and takes these weights. */
export const NETWORKS: readonly BenchNetwork[] = [
  { name: 'mlp', batch: 128, build: (random) => TEMPLATES.mlp(SIGNATURE, [800, 800], random) },
  { name: 'cnn', batch: 64, build: (random) => TEMPLATES.cnn(SIGNATURE, [32, 64], random) },
  {
    name: 'depthwise',
    batch: 64,
    build: (random) => TEMPLATES.depthwise_cnn(SIGNATURE, [16, 32, 64, 64, 128], random),
  },
  { name: 'transformer', batch: 64, build: transformer },
];
