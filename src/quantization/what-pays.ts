/**
 * How fast INT8 arithmetic is beside FP32 in ONNX Runtime's kernels, by measurement and not by hope. Fixed schemes decide by this table
 * and never by a stopwatch, so that the same job gives the same bytes.
 */

/** CPUs by what their 8-bit dot products cost. */
export type CpuClass = 'vnni' | 'avx2';

/** Instruction sets with an exact 8-bit dot product of four (x86 VNNI and AMX, ARM dot): the fast class. */
const DOT_PRODUCT = ['avx512_vnni', 'avx_vnni', 'amx_int8', 'neon_dot', 'neon_i8mm'];

export function cpuClass(instructionSets: readonly string[]): CpuClass {
  return instructionSets.some((name) => DOT_PRODUCT.includes(name)) ? 'vnni' : 'avx2';
}

/** Whether products of unsigned activations and signed weights are added in 16 bits, where large pairs saturate. */
export const saturates = (cpu: CpuClass): boolean => cpu === 'avx2';

/** Whether Add and pooling between integer nodes pay in integer: a residual block gains 3.7x on VNNI, nothing without. */
export const joinsPay = (cpu: CpuClass): boolean => cpu === 'vnni';

export interface Workload {
  /** sequence: a convolution along one axis. few_channels: grouped, depthwise, and first layers of images. */
  readonly kind:
    | 'pointwise'
    | 'convolution'
    | 'sequence'
    | 'few_channels'
    | 'static_matrix'
    | 'dynamic_matrix'
    | 'weights8_matrix'
    | 'weights4_matrix';
  /** Multiplications per output: input channels of the group times kernel positions, or the inner size of a product. */
  readonly k: number;
  /** Output channels, or columns. */
  readonly n: number;
  /** Output positions, or rows; null when no shape is known. */
  readonly rows: number | null;
}

/** Speed of INT8 relative to FP32 from this K on; ascending. */
type Speeds = readonly (readonly [k: number, speed: number])[];

/**
 * vnni: AMD EPYC with AVX512-VNNI. avx2: AMD EPYC of the first generation, layers between float neighbours, conversions included.
 * ONNX Runtime 1.30, one thread, both alternating.
 */
const SPEEDS: Readonly<Record<Workload['kind'], Readonly<Record<CpuClass, Speeds>>>> = {
  pointwise: {
    vnni: [
      [0, 0.8],
      [64, 2],
    ],
    avx2: [
      [0, 0.6],
      [64, 0.7],
      [192, 0.78],
      [384, 0.9],
      [480, 0.92],
      [768, 1],
    ],
  },
  convolution: {
    vnni: [
      [0, 0.8],
      [144, 2.5],
    ],
    avx2: [
      [0, 0.7],
      [1152, 0.9],
      [2304, 1],
    ],
  },
  // FP32 has its fast layout (NCHWc) only for images. Encoder of Silero: 1.49x and 1.12x in all.
  sequence: {
    vnni: [
      [0, 0.8],
      [192, 1.5],
    ],
    avx2: [
      [0, 0.7],
      [192, 1.1],
    ],
  },
  few_channels: { vnni: [[0, 0.6]], avx2: [[0, 0.4]] },
  static_matrix: {
    vnni: [
      [0, 0.9],
      [64, 3],
    ],
    avx2: [
      [0, 0.75],
      [120, 0.87],
      [384, 0.985],
    ],
  },
  dynamic_matrix: {
    vnni: [
      [0, 0.9],
      [64, 3],
    ],
    avx2: [
      [0, 0.75],
      [120, 0.87],
      [384, 0.985],
    ],
  },
  // MatMulNBits, 8 and 4 bits: activations become INT8 in blocks of 32, on every run.
  weights8_matrix: { vnni: [[0, 1.2]], avx2: [[0, 0.4]] },
  weights4_matrix: { vnni: [[0, 1.01]], avx2: [[0, 0.7]] },
};

/** Squeeze-excite works on a single position: the conversions cost more than the arithmetic, on every CPU. */
const SINGLE_POSITION = 0.5;
/** avx2: few output channels leave the integer kernel's registers half empty; few positions do not repay the conversions. */
const FEW_CHANNELS = { below: 32, factor: 0.75 };
const FEW_POSITIONS = { below: 64, factor: 0.85 };
/**
 * A product of very few rows waits for its weights to come from memory, and a quarter of the bytes comes faster, on every CPU:
 * one row times 384x384 1.27x, times 384x1536 4.1x. (MatMulNBits, 8 bits: 0.9x, 1.05x; times 768x3072 3.4x;
 * 4 bits: 1.03x, 1.3x, 5.9x.)
 */
const MEMORY_BOUND = { rows: 4, weights: 384 * 384, nBitsWeights: 384 * 1536, speed: 1.27 };

/** What INT8 makes of a node's time: 2 is twice as fast as FP32, 0.5 half as fast. */
export function expectedSpeed({ kind, k, n, rows }: Workload, cpu: CpuClass): number {
  const isMatrix = kind.endsWith('_matrix');
  const leastWeights = kind === 'weights8_matrix' ? MEMORY_BOUND.nBitsWeights : MEMORY_BOUND.weights;
  if (isMatrix && rows !== null && rows <= MEMORY_BOUND.rows && k * n >= leastWeights) return MEMORY_BOUND.speed;
  const speed = SPEEDS[kind][cpu].findLast(([least]) => k >= least)?.[1] ?? 0;
  if (kind === 'sequence') return speed;
  if (!isMatrix && rows === 1) return SINGLE_POSITION;
  if (cpu !== 'avx2') return speed;
  const channels = n < FEW_CHANNELS.below ? FEW_CHANNELS.factor : 1;
  const positions = !isMatrix && rows !== null && rows < FEW_POSITIONS.below ? FEW_POSITIONS.factor : 1;
  return speed * channels * positions;
}

/** Multiplications of a node; unknown rows count as one. */
const multiplications = ({ k, n, rows }: Workload): number => k * n * (rows ?? 1);

/**
 * Where nothing pays, integer arithmetic may cost this fraction of all multiplications: what the caller asked for, nearly free.
 * (Multiplications are half of a network's time or less.)
 */
const NEARLY_FREE = 0.03;
/** Only nodes of some weight are worth that, and only those that lose little: small ones cost more than their share. */
const LEAST_SHARE = 0.01;
const LEAST_SPEED = 0.75;

/**
 * Which of the candidates run in integer: all that are no slower than in float; where there are none, as many of the least slow as cost
 * nearly nothing in all.
 */
export function nodesThatPay<Key>(candidates: ReadonlyMap<Key, Workload>, cpu: CpuClass): Set<Key> {
  const speeds = [...candidates].map(([key, work]) => ({ key, work, speed: expectedSpeed(work, cpu) }));
  const paying = speeds.filter(({ speed }) => speed >= 1);
  if (paying.length > 0) return new Set(paying.map(({ key }) => key));
  const total = speeds.reduce((sum, { work }) => sum + multiplications(work), 0);
  const nearlyFree = speeds
    .filter(({ work, speed }) => speed >= LEAST_SPEED && multiplications(work) >= LEAST_SHARE * total)
    .sort((a, b) => b.speed - a.speed);
  const chosen = new Set<Key>();
  let spent = 0;
  for (const { key, work, speed } of nearlyFree) {
    const cost = multiplications(work) * (1 / speed - 1);
    if (spent + cost > NEARLY_FREE * total) continue;
    spent += cost;
    chosen.add(key);
  }
  return chosen;
}
