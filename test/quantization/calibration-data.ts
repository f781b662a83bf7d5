/** Numbers between 0 and 1 that golden/make-calibration.py computes too, to the bit. */
function* uniform(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield (state >>> 8) / 2 ** 24;
  }
}

/** Cubes of nearly normal numbers: most near zero, a few far out. */
function heavy(seed: number, count = 20_000): Float32Array<ArrayBuffer> {
  const next = uniform(seed);
  return Float32Array.from({ length: count }, () => {
    let sum = 0;
    for (let i = 0; i < 12; i++) sum += next.next().value as number;
    const normal = sum - 6;
    return normal * normal * normal * 0.25;
  });
}

/** Activations of several shapes. Each step rounds to float32, as numpy does. */
export const ACTIVATIONS: Readonly<Record<string, Float32Array<ArrayBuffer>>> = {
  heavy: heavy(1),
  relu: heavy(2).map((x) => Math.max(Math.fround(x - 0.25), 0)),
  skewed: heavy(3).map((x) => (x < 0 ? x * 0.125 : x)),
  outlier: Float32Array.from([...heavy(4), 160, -4]),
  positive: heavy(5).map((x) => Math.fround(x * 0.0625) + 5),
};
