/**
 * Where INT8 arithmetic is at least about as fast as FP32 in ONNX Runtime's kernels, by measurement and not by hope. Fixed schemes
 * decide by this table and never by a stopwatch, so that the same job gives the same bytes.
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

export interface Workload {
  readonly kind: 'pointwise' | 'convolution' | 'depthwise' | 'static_matrix' | 'dynamic_matrix';
  /** Multiplications per output: input channels of the group times kernel positions, or the inner size of a product. */
  readonly k: number;
  /** Output channels, or columns. */
  readonly n: number;
  /** Output positions, or rows; null when no shape is known. */
  readonly rows: number | null;
}

interface Threshold {
  readonly k: number;
  readonly rows: number;
}
const NEVER: Threshold = { k: Number.POSITIVE_INFINITY, rows: 0 };

/**
 * The least K and rows at which INT8 is about neutral or better.
 * vnni (AMD EPYC, AVX512-VNNI): pointwise from 64 channels and every matrix product pay 2x and more; below, for depthwise and for
 * the single position of squeeze-excite the conversions cost more than they save; 3x3 from 16 channels.
 * avx2 (AMD EPYC, Zen 1; speed-up in a chain of equal layers, between float neighbours): pointwise 64 channels 0.91, 0.76; 128 0.95, 0.85;
 * 240 1.00, 0.93; 512 1.00, 0.98. 3x3 with K = 576 0.95, 0.93; 2304 0.98, 0.98; on 7x7 positions 0.86. Depthwise 0.35 to 0.45.
 * Products of 16 rows and more: K = 128 0.85 to 0.91; 384 0.97 to 1.00.
 */
const THRESHOLDS: Readonly<Record<Workload['kind'], Readonly<Record<CpuClass, Threshold>>>> = {
  pointwise: { vnni: { k: 64, rows: 2 }, avx2: { k: 192, rows: 64 } },
  convolution: { vnni: { k: 144, rows: 2 }, avx2: { k: 576, rows: 96 } },
  depthwise: { vnni: NEVER, avx2: NEVER },
  static_matrix: { vnni: { k: 64, rows: 1 }, avx2: { k: 384, rows: 16 } },
  dynamic_matrix: { vnni: { k: 64, rows: 1 }, avx2: { k: 384, rows: 16 } },
};

/**
 * A product of very few rows waits for its weights to come from memory, and a quarter of the bytes comes faster, on every CPU.
 * avx2, one row: 384x384 1.27x, 384x1536 4.1x; 128x128 0.81x.
 */
const MEMORY_BOUND = { rows: 4, weights: 384 * 384 };

/** Null when INT8 pays or is about neutral, else the reason why the node stays in float. */
export function reasonNotToPay(work: Workload, cpu: CpuClass): string | null {
  const matrix = work.kind === 'static_matrix' || work.kind === 'dynamic_matrix';
  const rows = work.rows ?? Number.POSITIVE_INFINITY;
  if (matrix && rows <= MEMORY_BOUND.rows && work.k * work.n >= MEMORY_BOUND.weights) return null;
  const least = THRESHOLDS[work.kind][cpu];
  if (least === NEVER) return 'Grouped convolutions run slower in INT8.';
  if (work.k < least.k) return `INT8 does not pay below ${least.k} products per output on this CPU; it has ${work.k}.`;
  if (rows < least.rows) {
    return `INT8 does not pay below ${least.rows} output ${matrix ? 'rows' : 'positions'} on this CPU; it has ${rows}.`;
  }
  return null;
}

/** Whether Add and pooling between integer nodes pay in integer: a residual block gains on VNNI. */
export const joinsPay = (cpu: CpuClass): boolean => cpu === 'vnni';
