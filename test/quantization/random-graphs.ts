import { type Model, type Node, node } from '../../src/onnx/ir/graph.js';
import { elementCount, floats, int64s, type Tensor } from '../../src/onnx/ir/tensor.js';
import { seededRandom } from '../../src/platform/random.js';
import { smallModel } from '../runtime/small-model.js';

export interface RandomGraph {
  readonly model: Model;
  readonly x: Tensor;
}

interface Value {
  readonly name: string;
  readonly dims: readonly number[];
}

/** A network under construction: images until it is flattened, vectors after. */
class Builder {
  readonly nodes: Node[] = [];
  readonly constants: Record<string, Tensor> = {};
  readonly values: Value[] = [];
  readonly random: () => number;
  #count = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  get last(): Value {
    return this.values.at(-1) as Value;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.random() * items.length)] as Item;
  }

  constant(dims: readonly number[], reach: number): string {
    const name = `k${this.#count++}`;
    const numbers = Array.from({ length: elementCount(dims) }, () => (this.random() * 2 - 1) * reach);
    this.constants[name] = floats(numbers, dims);
    return name;
  }

  whole(numbers: readonly number[]): string {
    const name = `k${this.#count++}`;
    this.constants[name] = int64s(numbers);
    return name;
  }

  number(value: number): string {
    const name = `k${this.#count++}`;
    this.constants[name] = floats([value], []);
    return name;
  }

  add(opType: string, inputs: readonly string[], dims: readonly number[], attributes = {}): void {
    const name = `${opType.toLowerCase()}${this.nodes.length}`;
    this.nodes.push(node(opType, inputs, [`${name}_out`], { name, attributes }));
    this.values.push({ name: `${name}_out`, dims });
  }
}

type Step = (builder: Builder) => void;

const convolution: Step = (b) => {
  const { name, dims } = b.last;
  const [, c = 1, h = 1, w = 1] = dims;
  const depthwise = b.random() < 0.3;
  const group = depthwise ? c : 1;
  const outputs = depthwise ? c : b.pick([4, 8, 12, 16]);
  const kernel = Math.min(h, w) >= 3 ? b.pick([1, 3]) : 1;
  const stride = Math.min(h, w) >= 4 ? b.pick([1, 1, 2]) : 1;
  const pad = (kernel - 1) / 2;
  const size = (length: number) => Math.floor((length + 2 * pad - kernel) / stride) + 1;
  const weight = b.constant([outputs, c / group, kernel, kernel], 1 / Math.sqrt((c / group) * kernel * kernel));
  const bias = b.random() < 0.6 ? [b.constant([outputs], 0.3)] : [];
  const attributes = { group, strides: [stride, stride], pads: [pad, pad, pad, pad] };
  b.add('Conv', [name, weight, ...bias], [1, outputs, size(h), size(w)], attributes);
};

const elementwise =
  (opType: string): Step =>
  (b) =>
    b.add(opType, [b.last.name], b.last.dims);

const clip: Step = (b) => {
  const [low, high] = b.pick([[0, 0.5] as const, [-0.3, 0.4] as const, [0, 6] as const]);
  b.add('Clip', [b.last.name, b.number(low), b.number(high)], b.last.dims);
};

const pooling =
  (opType: 'MaxPool' | 'AveragePool'): Step =>
  (b) => {
    const [n = 1, c = 1, h = 1, w = 1] = b.last.dims;
    if (Math.min(h, w) < 2) return;
    const attributes = { kernel_shape: [2, 2], strides: [2, 2] };
    b.add(opType, [b.last.name], [n, c, Math.floor(h / 2), Math.floor(w / 2)], attributes);
  };

const residual: Step = (b) => {
  const { dims } = b.last;
  b.add('Add', [b.last.name, b.pick(b.values.filter((value) => `${value.dims}` === `${dims}`)).name], dims);
};

const concat: Step = (b) => {
  const [n = 1, , h = 1, w = 1] = b.last.dims;
  const fitting = b.values.filter(({ dims }) => `${dims.slice(2)}` === `${[h, w]}`);
  const other = b.pick(fitting);
  const channels = (b.last.dims[1] ?? 1) + (other.dims[1] ?? 1);
  b.add('Concat', [b.last.name, other.name], [n, channels, h, w], { axis: 1 });
};

const reshape: Step = (b) => {
  const [n = 1, c = 1, h = 1, w = 1] = b.last.dims;
  b.add('Reshape', [b.last.name, b.whole([n, c, w, h])], [n, c, w, h]);
};

const transpose: Step = (b) => {
  const [n = 1, c = 1, h = 1, w = 1] = b.last.dims;
  b.add('Transpose', [b.last.name], [n, c, w, h], { perm: [0, 1, 3, 2] });
};

const IMAGE: readonly Step[] = [
  ...[convolution, convolution, convolution, elementwise('Relu'), clip, residual, concat],
  ...[pooling('MaxPool'), pooling('AveragePool'), reshape, transpose, elementwise('Sigmoid'), elementwise('HardSwish')],
];

function classifier(b: Builder): void {
  const [n = 1, c = 1, h = 1, w = 1] = b.last.dims;
  const pooled = b.random() < 0.5;
  if (pooled) b.add('GlobalAveragePool', [b.last.name], [n, c, 1, 1]);
  const width = pooled ? c : c * h * w;
  b.add('Flatten', [b.last.name], [n, width], { axis: 1 });
  const classes = b.pick([3, 8, 10]);
  if (b.random() < 0.5) {
    const transB = b.pick([0, 1]);
    const weight = b.constant(transB ? [classes, width] : [width, classes], 1 / Math.sqrt(width));
    b.add('Gemm', [b.last.name, weight, b.constant([classes], 0.3)], [n, classes], { transB });
  } else {
    b.add('MatMul', [b.last.name, b.constant([width, classes], 1 / Math.sqrt(width))], [n, classes]);
    b.add('Add', [b.last.name, b.constant([classes], 0.3)], [n, classes]);
  }
}

/** A small random network that begins with a convolution; equal seeds give equal networks. */
export function randomGraph(seed: number): RandomGraph {
  const b = new Builder(seed);
  const side = b.pick([4, 6, 8]);
  const dims = [1, b.pick([4, 8]), side, b.pick([4, 7, 8])];
  b.values.push({ name: 'x', dims });
  convolution(b);
  const steps = 2 + Math.floor(b.random() * 5);
  for (let i = 0; i < steps; i++) b.pick(IMAGE)(b);
  if (b.random() < 0.5) classifier(b);
  else convolution(b);
  const numbers = Array.from({ length: elementCount(dims) }, () => b.random() * 4 - 1);
  return {
    x: floats(numbers, dims),
    model: smallModel({
      nodes: b.nodes,
      inputs: { x: ['float32', dims] },
      outputs: { [b.last.name]: ['float32', b.last.dims] },
      constants: b.constants,
    }),
  };
}
