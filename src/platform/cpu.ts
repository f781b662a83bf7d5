import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Instruction sets that decide which of ONNX Runtime's kernels run, by the name each system gives them. */
const NAMES: Readonly<Record<string, string>> = {
  // x86, /proc/cpuinfo
  sse4_1: 'sse4_1',
  avx: 'avx',
  avx2: 'avx2',
  fma: 'fma',
  f16c: 'f16c',
  avx512f: 'avx512f',
  avx512bw: 'avx512bw',
  avx512_vnni: 'avx512_vnni',
  avx512_bf16: 'avx512_bf16',
  avx512_fp16: 'avx512_fp16',
  avx_vnni: 'avx_vnni',
  amx_int8: 'amx_int8',
  amx_bf16: 'amx_bf16',
  // ARM, /proc/cpuinfo
  asimd: 'neon',
  asimdhp: 'neon_fp16',
  asimddp: 'neon_dot',
  i8mm: 'neon_i8mm',
  bf16: 'neon_bf16',
  sve: 'sve',
  sve2: 'sve2',
  // x86, sysctl machdep.cpu (upper case there)
  'sse4.1': 'sse4_1',
  'avx1.0': 'avx',
  avx512vnni: 'avx512_vnni',
  // ARM, sysctl hw.optional.arm
  advsimd: 'neon',
  feat_fp16: 'neon_fp16',
  feat_dotprod: 'neon_dot',
  feat_i8mm: 'neon_i8mm',
  feat_bf16: 'neon_bf16',
};

/** Instruction sets in a system's list of CPU flags, sorted by our names; any white space separates. */
export function instructionSetsIn(flags: string): string[] {
  const known = flags
    .toLowerCase()
    .split(/\s+/)
    .flatMap((flag) => (Object.hasOwn(NAMES, flag) ? [NAMES[flag] as string] : []));
  return [...new Set(known)].sort();
}

function linuxFlags(): string {
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'latin1'));
  return line?.[1] ?? '';
}

/** Values of macOS, as flags: listed names on Intel, `hw.optional.arm.FEAT_X: 1` on Apple's own. */
function macFlags(): string {
  const read = (...names: string[]) => execFileSync('/usr/sbin/sysctl', ['-i', ...names], { encoding: 'utf8' });
  const listed = read('machdep.cpu.features', 'machdep.cpu.leaf7_features');
  const optional = read('hw.optional.arm', 'hw.optional.AdvSIMD').matchAll(/\.(\w+): 1$/gm);
  return `${listed} ${[...optional].map(([, name]) => name).join(' ')}`;
}

const READERS: Partial<Record<NodeJS.Platform, () => string>> = { linux: linuxFlags, darwin: macFlags };

/** The model of the CPU and the instruction sets that matter to kernels, sorted; none where the system does not say. */
export function cpuFacts(): { readonly cpu: string; readonly instructionSets: readonly string[] } {
  const cpu = cpus()[0]?.model.trim() || process.arch;
  return { cpu, instructionSets: instructionSetsIn(READERS[process.platform]?.() ?? '') };
}
