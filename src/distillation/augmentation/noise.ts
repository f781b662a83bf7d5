import { elements, floats, type Tensor } from '../../onnx/ir/tensor.js';

/** The values plus normal noise (Box and Muller 1958: two normal numbers from two uniform ones). */
export function withNoise(values: Tensor, deviation: number, random: () => number): Tensor {
  const noisy = Float32Array.from(elements(values, 'float32'));
  for (let i = 0; i < noisy.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    noisy[i] = (noisy[i] as number) + radius * Math.cos(angle);
    if (i + 1 < noisy.length) noisy[i + 1] = (noisy[i + 1] as number) + radius * Math.sin(angle);
  }
  return floats(noisy, values.dims);
}
