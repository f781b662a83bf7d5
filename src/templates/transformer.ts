import { floats, int64s, scalar } from '../onnx/ir/tensor.js';
import { ServiceError } from '../platform/errors.js';
import type { NetworkBuilder } from './network-builder.js';

/** Pictures are cut into the smallest patches that make no more tokens: attention costs their square. */
const MOST_PATCHES = 64;
/** Steps of a sequence. */
const MOST_STEPS = 1024;
/** Channels of one attention head. */
const HEAD_WIDTH = 32;
/** How many times wider the hidden layer of a block is. */
const EXPANSION = 4;

interface InputSignature {
  readonly name: string;
  readonly dims: readonly number[];
}

/** Samples as [N, tokens, width]. */
interface Tokens {
  readonly value: string;
  readonly tokens: number;
}

/** The steps of a sequence [T, F], or square patches of a picture [C, H, W], each projected to the width of the blocks. */
function tokensOf(net: NetworkBuilder, { name, dims }: InputSignature, width: number): Tokens {
  if (dims.length === 2) {
    const [tokens = 1, features = 1] = dims;
    if (tokens > MOST_STEPS)
      throw new ServiceError('invalid_request', `A transformer takes up to ${MOST_STEPS} steps, not ${tokens}.`);
    return { value: net.linear('embed', name, features, width), tokens };
  }
  const [channels = 1, height = 1, breadth = 1] = dims;
  const patches = (size: number) => Math.floor(height / size) * Math.floor(breadth / size);
  let patch = 1;
  while (patches(patch) > MOST_PATCHES) patch++;
  const tokens = patches(patch);
  if (tokens === 0)
    throw new ServiceError('invalid_request', `Pictures of [${dims}] are too narrow to be cut into square patches.`);
  const fanIn = channels * patch * patch;
  const operands = [
    net.uniform('embed.weight', [width, channels, patch, patch], fanIn),
    net.uniform('embed.bias', [width], fanIn),
  ];
  const embedded = net.op('Conv', 'embed', [name, ...operands], {
    kernel_shape: [patch, patch],
    strides: [patch, patch],
  });
  const rows = net.op('Reshape', 'patches', [embedded, net.constant('patches.shape', int64s([-1, width, tokens]))]);
  return { value: net.op('Transpose', 'tokens', [rows], { perm: [0, 2, 1] }), tokens };
}

/** Attention over all tokens, one projection for queries, keys and values of all heads (Vaswani et al. 2017). */
function attention(net: NetworkBuilder, name: string, x: string, width: number): string {
  const projected = net.linear(`${name}.qkv`, x, width, 3 * width);
  const heads = net.op('Transpose', `${name}.heads`, [net.op('Reshape', `${name}.split`, [projected, 'split'])], {
    perm: [2, 0, 3, 1, 4],
  });
  const [q = '', k = '', v = ''] = net
    .split(`${name}.parts`, heads, 3, 0)
    .map((part, i) => net.op('Squeeze', `${name}.${'qkv'[i]}`, [part, 'first']));
  const transposed = net.op('Transpose', `${name}.k.transposed`, [k], { perm: [0, 1, 3, 2] });
  const scores = net.op('Mul', `${name}.scaled`, [net.op('MatMul', `${name}.scores`, [q, transposed]), 'temperature']);
  const mixed = net.op('MatMul', `${name}.mixed`, [net.op('Softmax', `${name}.weights`, [scores], { axis: -1 }), v]);
  const back = net.op('Transpose', `${name}.back`, [mixed], { perm: [0, 2, 1, 3] });
  return net.linear(`${name}.o`, net.op('Reshape', `${name}.joined`, [back, 'join']), width, width);
}

/** x/2 · (1 + erf(x/√2)). */
function gelu(net: NetworkBuilder, name: string, x: string): string {
  const erf = net.op('Erf', `${name}.erf`, [net.op('Div', `${name}.scaled`, [x, 'root'])]);
  const twice = net.op('Mul', `${name}.twice`, [x, net.op('Add', `${name}.one`, [erf, 'one'])]);
  return net.op('Mul', name, [twice, 'half']);
}

/**
 * Blocks of attention and a hidden layer, each normalized before and added to what went in (Dosovitskiy et al. 2021); the mean over all
 * tokens goes on.
 * @param widths one per block, all equal
 * @returns the pooled value [N, width]
 * @throws ServiceError invalid_request when widths differ or the input cannot be cut into tokens
 */
export function transformerBody(net: NetworkBuilder, input: InputSignature, widths: readonly number[]): string {
  const [width = 1] = widths;
  if (widths.some((other) => other !== width))
    throw new ServiceError('invalid_request', 'The blocks of a transformer have one width: repeat it once per block.');
  const { value, tokens } = tokensOf(net, input, width);
  const most = Math.max(1, Math.floor(width / HEAD_WIDTH));
  const heads = Array.from({ length: most }, (_, i) => most - i).find((count) => width % count === 0) ?? 1;
  net.constant('root', scalar(Math.SQRT2));
  net.constant('one', scalar(1));
  net.constant('half', scalar(0.5));
  net.constant('temperature', scalar((width / heads) ** -0.5));
  net.constant('first', int64s([0]));
  net.constant('split', int64s([-1, tokens, 3, heads, width / heads]));
  net.constant('join', int64s([-1, tokens, width]));

  const positions = net.constant('position', floats(new Float32Array(tokens * width), [1, tokens, width]));
  let x = net.op('Add', 'placed', [value, positions]);
  widths.forEach((_, i) => {
    const block = `block${i}`;
    const attended = net.op('Add', `${block}.attended`, [
      x,
      attention(net, block, net.layerNormalization(`${block}.n1`, x, width), width),
    ]);
    const normalized = net.layerNormalization(`${block}.n2`, attended, width);
    const hidden = gelu(net, `${block}.gelu`, net.linear(`${block}.a`, normalized, width, EXPANSION * width));
    x = net.op('Add', `${block}.out`, [attended, net.linear(`${block}.b`, hidden, EXPANSION * width, width)]);
  });
  const normalized = net.layerNormalization('norm', x, width);
  return net.op('ReduceMean', 'pooled', [normalized, net.constant('over_tokens', int64s([1]))], { keepdims: 0 });
}
