import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Model, type Node, node } from '../../src/onnx/ir/graph.js';
import { floats, scalar, type Tensor, tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { executedGraph } from '../../src/runtime/executed-graph.js';
import { fusionCertificate } from '../../src/runtime/fusion-certificate.js';
import { smallModel } from './small-model.js';

const CHANNELS = 16;
const int8 = (dims: readonly number[]): Tensor =>
  tensor(
    'int8',
    dims,
    Int8Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 37) % 200) - 100),
  );
const zero = tensor('uint8', [], new Uint8Array([0]));
const zeroInt8 = tensor('int8', [], new Int8Array([0]));
const quantize = (input: string, name: string) => [
  node('QuantizeLinear', [input, 'scale', 'zero'], [`${name}_q`]),
  node('DequantizeLinear', [`${name}_q`, 'scale', 'zero'], [`${name}_dq`]),
];
const CONSTANTS = {
  scale: scalar(0.05),
  zero,
  weight_scale: scalar(0.01),
  weight_zero: zeroInt8,
  weight: int8([CHANNELS, CHANNELS, 3, 3]),
  matrix: int8([CHANNELS, CHANNELS]),
};
const weight = (name: string) => node('DequantizeLinear', [name, 'weight_scale', 'weight_zero'], [`${name}_dq`]);
const conv = (input: string, output: string, name: string): Node =>
  node('Conv', [input, 'weight_dq'], [output], { name, attributes: { pads: [1, 1, 1, 1] } });
const image = ['float32', [1, CHANNELS, 8, 8]] as const;
const rows = ['float32', ['n', CHANNELS]] as const;

interface Case {
  readonly name: string;
  readonly model: Model;
  readonly kernels: Readonly<Record<string, string>>;
  readonly quantizeLinear: number;
  readonly dequantizeLinear: number;
}

const CASES: readonly Case[] = [
  {
    name: 'Conv between Q/DQ pairs, its Relu absorbed',
    model: smallModel({
      nodes: [
        ...quantize('x', 'x'),
        weight('weight'),
        conv('x_dq', 'c', 'first'),
        node('Relu', ['c'], ['r']),
        ...quantize('r', 'r'),
        node('Identity', ['r_dq'], ['y']),
      ],
      inputs: { x: image },
      outputs: { y: image },
      constants: CONSTANTS,
    }),
    kernels: { first: 'QLinearConv' },
    quantizeLinear: 1,
    dequantizeLinear: 1,
  },
  {
    name: 'a Conv whose output is not quantized stays in float',
    model: smallModel({
      nodes: [...quantize('x', 'x'), weight('weight'), conv('x_dq', 'y', 'alone')],
      inputs: { x: image },
      outputs: { y: image },
      constants: CONSTANTS,
    }),
    kernels: {},
    quantizeLinear: 1,
    dequantizeLinear: 2,
  },
  {
    name: 'MatMul without a quantized output',
    model: smallModel({
      nodes: [
        ...quantize('x', 'x'),
        weight('matrix'),
        node('MatMul', ['x_dq', 'matrix_dq'], ['y'], { name: 'product' }),
      ],
      inputs: { x: rows },
      outputs: { y: rows },
      constants: CONSTANTS,
    }),
    kernels: { product: 'MatMulIntegerToFloat' },
    quantizeLinear: 1,
    dequantizeLinear: 0,
  },
  {
    name: 'MatMul and the Add of its bias, which ONNX Runtime makes a Gemm of',
    model: smallModel({
      nodes: [
        ...quantize('x', 'x'),
        weight('matrix'),
        node('MatMul', ['x_dq', 'matrix_dq'], ['m'], { name: 'product' }),
        node('Add', ['m', 'bias'], ['a']),
        ...quantize('a', 'a'),
        node('Identity', ['a_dq'], ['y']),
      ],
      inputs: { x: rows },
      outputs: { y: rows },
      constants: { ...CONSTANTS, bias: floats(new Float32Array(CHANNELS).fill(1)) },
    }),
    kernels: { product: 'QGemm' },
    quantizeLinear: 1,
    dequantizeLinear: 1,
  },
  {
    name: 'dynamic quantization as it is spelled out',
    model: smallModel({
      nodes: [
        node('DynamicQuantizeLinear', ['x'], ['q', 's', 'z']),
        node('MatMulInteger', ['q', 'matrix', 'z', 'weight_zero'], ['i'], { name: 'integer' }),
        node('Cast', ['i'], ['f'], { attributes: { to: 1 } }),
        node('Mul', ['s', 'weight_scale'], ['both']),
        node('Mul', ['f', 'both'], ['m']),
        node('Add', ['m', 'bias'], ['y']),
      ],
      inputs: { x: rows },
      outputs: { y: rows },
      constants: { ...CONSTANTS, bias: floats(new Float32Array(CHANNELS).fill(1)) },
    }),
    kernels: { integer: 'DynamicQuantizeMatMul' },
    quantizeLinear: 0,
    dequantizeLinear: 0,
  },
];

describe('fusionCertificate', () => {
  let scratch: string;
  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'fusion-'));
  });
  after(() => rm(scratch, { recursive: true }));

  for (const { name, model, kernels, quantizeLinear, dequantizeLinear } of CASES) {
    it(name, async () => {
      const certificate = fusionCertificate(model, await executedGraph(encodeModel(model), scratch));
      const found = [...certificate.kernels].map(([{ name }, kernel]) => [name, kernel]);
      assert.deepEqual(Object.fromEntries(found), kernels);
      assert.equal(certificate.quantizeLinear, quantizeLinear);
      assert.equal(certificate.dequantizeLinear, dequantizeLinear);
    });
  }
});
