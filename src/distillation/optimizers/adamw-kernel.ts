/**
 * The inner loop of AdamW in WebAssembly, four float32 numbers at a time: V8 takes 9 ns per weight for the same loop in JavaScript, in
 * doubles, where square root and division are slow; this one takes 2. Every operation is IEEE float32, so the bytes are the same on every machine.
 * The module is assembled here, instruction by instruction; numbers are those of the WebAssembly 2.0 specification, appendix "Index of
 * Instructions".
 */
const I32 = 0x7f;
const F32 = 0x7d;
const V128 = 0x7b;

/** Parameters of the kernel in their order: pointers and size in bytes, then factors that are the same for every weight. */
const INTEGERS = ['m', 'v', 'w', 'g', 'bytes'] as const;
const FACTORS = ['beta1', 'rest1', 'beta2', 'rest2', 'rate', 'correction', 'epsilon', 'shrink'] as const;
const VECTORS = ['x', 'mean', 'square'] as const;
type Integer = (typeof INTEGERS)[number];
type Factor = (typeof FACTORS)[number];
type Local = Integer | Factor | (typeof VECTORS)[number];
const LOCALS: readonly Local[] = [...INTEGERS, ...FACTORS, ...VECTORS];

type Code = readonly number[];
const get = (local: Local): Code => [0x20, LOCALS.indexOf(local)];
const set = (local: Local): Code => [0x21, LOCALS.indexOf(local)];
const tee = (local: Local): Code => [0x22, LOCALS.indexOf(local)];
const SIMD = 0xfd;
/** Aligned to 2⁴ bytes, offset 0. */
const load = (pointer: Integer): Code => [...get(pointer), SIMD, 0x00, 4, 0];
const store = (pointer: Integer, value: Code): Code => [...get(pointer), ...value, SIMD, 0x0b, 4, 0];
const splat = (factor: Factor): Code => [...get(factor), SIMD, 0x13];
const binary =
  (opcode: number) =>
  (a: Code, b: Code): Code => [...a, ...b, SIMD, opcode, 0x01];
const [add, subtract, multiply, divide] = [binary(0xe4), binary(0xe5), binary(0xe6), binary(0xe7)];
const squareRoot = (a: Code): Code => [...a, SIMD, 0xe3, 0x01];
const VECTOR_BYTES = 16;
const constant = (value: number): Code => [0x41, value];
const advance = (pointer: Integer): Code => [...get(pointer), ...constant(VECTOR_BYTES), 0x6a, ...set(pointer)];

/** m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g·g, w ← shrink·w − rate·m / (√v · correction + ε). */
const STEP: Code = [
  ...load('g'),
  ...set('x'),
  ...store('m', [...add(multiply(load('m'), splat('beta1')), multiply(get('x'), splat('rest1'))), ...tee('mean')]),
  ...store('v', [
    ...add(multiply(load('v'), splat('beta2')), multiply(multiply(get('x'), splat('rest2')), get('x'))),
    ...tee('square'),
  ]),
  ...store(
    'w',
    subtract(
      multiply(load('w'), splat('shrink')),
      divide(
        multiply(get('mean'), splat('rate')),
        add(multiply(squareRoot(get('square')), splat('correction')), splat('epsilon')),
      ),
    ),
  ),
];

const EMPTY_BLOCK = 0x40;
const LOOP = 0x03;
const BRANCH_IF = 0x0d;
const END = 0x0b;
const BODY: Code = [
  ...[LOOP, EMPTY_BLOCK],
  ...STEP,
  ...advance('m'),
  ...advance('v'),
  ...advance('w'),
  ...advance('g'),
  ...[...get('bytes'), ...constant(VECTOR_BYTES), 0x6b, ...tee('bytes'), BRANCH_IF, 0],
  ...[END, END],
];

/** Unsigned LEB128. */
const leb = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)]);
const sized = (content: Code): number[] => [...leb(content.length), ...content];
const section = (id: number, content: Code): number[] => [id, ...sized(content)];
const text = (value: string): number[] => sized([...Buffer.from(value)]);

const MODULE = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, [1, 0x60, ...sized([...INTEGERS.map(() => I32), ...FACTORS.map(() => F32)]), 0]),
  // One imported memory of at least one page.
  ...section(2, [1, ...text('env'), ...text('memory'), 0x02, 0x00, 1]),
  ...section(3, [1, 0]),
  ...section(7, [1, ...text('step'), 0x00, 0]),
  ...section(10, [1, ...sized([1, VECTORS.length, V128, ...BODY])]),
]);

/** What Node offers of it; its type definitions leave WebAssembly out. */
declare const WebAssembly: {
  readonly Memory: new (options: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: object,
  ) => { readonly exports: Readonly<Record<string, (...numbers: readonly number[]) => void>> };
};

const PAGE_BYTES = 65_536;

/** The factors of one step, by their names in the formula. */
type Factors = Readonly<Record<Factor, number>>;

export interface AdamwKernel {
  /** All arrays that a step works on lie in this memory. */
  readonly memory: ArrayBuffer;
  /** A step over `count` numbers (a multiple of 4, at least 4) that start at these bytes of the memory. */
  step(at: Readonly<Record<'m' | 'v' | 'w' | 'g', number>>, count: number, factors: Factors): void;
}

/** The kernel with `bytes` of memory, all zero. @throws RangeError beyond 4 GiB */
export function adamwKernel(bytes: number): AdamwKernel {
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(MODULE), { env: { memory } });
  return {
    memory: memory.buffer,
    step(at, count, factors) {
      const size = count * Float32Array.BYTES_PER_ELEMENT;
      exports.step?.(at.m, at.v, at.w, at.g, size, ...FACTORS.map((name) => factors[name]));
    },
  };
}
