import type { Augment } from '../../contracts/augment.js';
import { elementCount, elements, floats, type Tensor } from '../../onnx/ir/tensor.js';

/**
 * Pictures x [N, C, H, W], each mirrored left to right for one draw below ½ and shifted by −crop … crop pixels along both axes. Where nothing
 * of the picture comes in, its edge is repeated, which suits any scaling of the numbers.
 * @param random uniform in [0, 1)
 */
export function movePictures(x: Tensor, { flip, crop }: Pick<Augment, 'flip' | 'crop'>, random: () => number): Tensor {
  const [samples = 0, channels = 0, height = 0, width = 0] = x.dims;
  const from = elements(x, 'float32');
  const to = new Float32Array(elementCount(x.dims));
  const within = (at: number, size: number) => Math.min(size - 1, Math.max(0, at));
  const shift = () => (crop === 0 ? 0 : Math.floor(random() * (2 * crop + 1)) - crop);
  for (let sample = 0, at = 0; sample < samples; sample++) {
    const mirrored = flip && random() < 0.5;
    const [down, right] = [shift(), shift()];
    const columns = Array.from({ length: width }, (_, column) =>
      within(mirrored ? width - 1 - column + right : column + right, width),
    );
    for (let channel = 0; channel < channels; channel++) {
      const plane = (sample * channels + channel) * height * width;
      for (let row = 0; row < height; row++) {
        const start = plane + within(row + down, height) * width;
        for (const column of columns) to[at++] = from[start + column] as number;
      }
    }
  }
  return floats(to, x.dims);
}
