import type { TemplateName } from '../contracts/distill-step.js';
import type { Model } from '../onnx/ir/graph.js';
import { ServiceError } from '../platform/errors.js';
import { NetworkBuilder, type TemplateSignature } from './network-builder.js';
import { transformerBody } from './transformer.js';

/** @param widths of the hidden layers (mlp), or channels of the stages (cnn, depthwise_cnn), or width of the blocks (transformer) */
type Template = (
  signature: TemplateSignature,
  widths: readonly number[],
  random: () => number,
  mostParameters?: number,
) => Model;

const product = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

/** Flatten, then dense layers with Relu between them. */
const mlp: Template = (signature, widths, random, mostParameters) => {
  const { input, classes } = signature;
  const net = new NetworkBuilder(signature, random, mostParameters);
  let x = net.op('Flatten', 'flat', [input.name], { axis: 1 });
  let size = product(input.dims);
  widths.forEach((width, i) => {
    x = net.op('Relu', `relu${i}`, [net.dense(`hidden${i}`, x, size, width)]);
    size = width;
  });
  return net.model(net.dense('logits', x, size, classes));
};

/** 3x3 convolutions with Relu, each followed by 2x2 max pooling, then a hidden dense layer of twice the last width. */
const cnn: Template = (signature, widths, random, mostParameters) => {
  const { input, classes } = signature;
  const net = new NetworkBuilder(signature, random, mostParameters);
  let [channels = 1, height = 1, width = 1] = input.dims;
  let x = input.name;
  widths.forEach((outputs, i) => {
    x = net.op('Relu', `relu${i}`, [
      net.convolution(`conv${i}`, x, { inputs: channels, outputs, kernel: 3, bias: true }),
    ]);
    x = net.op('MaxPool', `pool${i}`, [x], { kernel_shape: [2, 2], strides: [2, 2] });
    channels = outputs;
    height = Math.floor(height / 2);
    width = Math.floor(width / 2);
  });
  const size = channels * height * width;
  if (size === 0) {
    throw new ServiceError(
      'invalid_request',
      `Pictures of [${input.dims}] cannot be halved ${widths.length} times: name fewer widths.`,
    );
  }
  const hidden = net.op('Relu', 'relu_hidden', [
    net.dense('hidden', net.op('Flatten', 'flat', [x], { axis: 1 }), size, 2 * channels),
  ]);
  return net.model(net.dense('logits', hidden, 2 * channels, classes));
};

/** A 3x3 stem and depthwise separable blocks with BatchNormalization; every second block halves the picture. */
const depthwiseCnn: Template = (signature, widths, random, mostParameters) => {
  const { input, classes } = signature;
  const net = new NetworkBuilder(signature, random, mostParameters);
  const [first = 16, ...rest] = widths;
  const normalized = (name: string, x: string, channels: number) =>
    net.op('Relu', `${name}.relu`, [net.batchNormalization(`${name}.norm`, x, channels)]);
  let x = normalized(
    'stem',
    net.convolution('stem', input.name, { inputs: input.dims[0] ?? 1, outputs: first, kernel: 3, bias: false }),
    first,
  );
  let channels = first;
  rest.forEach((outputs, i) => {
    const stride = i % 2 === 0 ? 2 : 1;
    x = normalized(
      `depthwise${i}`,
      net.convolution(`depthwise${i}`, x, {
        inputs: channels,
        outputs: channels,
        kernel: 3,
        stride,
        groups: channels,
        bias: false,
      }),
      channels,
    );
    x = normalized(
      `pointwise${i}`,
      net.convolution(`pointwise${i}`, x, { inputs: channels, outputs, kernel: 1, bias: false }),
      outputs,
    );
    channels = outputs;
  });
  const flat = net.op('Flatten', 'flat', [net.op('GlobalAveragePool', 'pooled', [x])], { axis: 1 });
  return net.model(net.dense('logits', flat, channels, classes));
};

/** Tokens of pictures or sequences, blocks of attention, a dense layer on their mean. */
const transformer: Template = (signature, widths, random, mostParameters) => {
  const { input, classes } = signature;
  const net = new NetworkBuilder(signature, random, mostParameters);
  const pooled = transformerBody(net, input, widths);
  return net.model(net.dense('logits', pooled, widths[0] ?? 1, classes));
};

/** Ranks that one sample of a template's input may have; any where none are named. */
export const TEMPLATE_INPUTS: Readonly<
  Record<TemplateName, { readonly ranks: readonly number[]; readonly words: string } | null>
> = {
  mlp: null,
  cnn: { ranks: [3], words: 'pictures [channels, height, width]' },
  depthwise_cnn: { ranks: [3], words: 'pictures [channels, height, width]' },
  transformer: { ranks: [2, 3], words: 'pictures [channels, height, width] or sequences [steps, features]' },
};

export const TEMPLATES = { mlp, cnn, depthwise_cnn: depthwiseCnn, transformer } as const satisfies Record<
  TemplateName,
  Template
>;
