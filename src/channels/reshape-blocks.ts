/** Axes of the value before a Reshape and of the one after it that count through the same elements. */
export interface ReshapeBlock {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/**
 * Cuts both shapes at the places where the products of their sizes agree, so that each block is reshaped by itself. Axes of size 1
 * belong to no block.
 */
export function reshapeBlocks(before: readonly number[], after: readonly number[]): ReshapeBlock[] {
  const real = (dims: readonly number[]) => dims.map((size, axis) => ({ size, axis })).filter(({ size }) => size !== 1);
  const [left, right] = [real(before), real(after)];
  const blocks: ReshapeBlock[] = [];
  let [i, j] = [0, 0];
  while (i < left.length && j < right.length) {
    const from = [left[i]?.axis ?? 0];
    const to = [right[j]?.axis ?? 0];
    let [a, b] = [left[i++]?.size ?? 1, right[j++]?.size ?? 1];
    while (a !== b && (a < b ? i < left.length : j < right.length)) {
      if (a < b) {
        from.push(left[i]?.axis ?? 0);
        a *= left[i++]?.size ?? 1;
      } else {
        to.push(right[j]?.axis ?? 0);
        b *= right[j++]?.size ?? 1;
      }
    }
    blocks.push({ from, to });
  }
  return blocks;
}
