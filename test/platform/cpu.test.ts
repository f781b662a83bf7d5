import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cpuFacts, instructionSetsIn } from '../../src/platform/cpu.js';

const FLAGS: readonly (readonly [machine: string, flags: string, expected: readonly string[]])[] = [
  ['Zen 1', 'fpu sse4_1 sse4_2 fma f16c avx avx2 bmi2', ['avx', 'avx2', 'f16c', 'fma', 'sse4_1']],
  ['Cascade Lake', 'avx2 avx512f avx512bw avx512_vnni', ['avx2', 'avx512_vnni', 'avx512bw', 'avx512f']],
  ['Sapphire Rapids', 'avx512_vnni avx_vnni amx_int8 amx_tile', ['amx_int8', 'avx512_vnni', 'avx_vnni']],
  [
    'Graviton 3',
    'fp asimd asimdhp asimddp sve i8mm bf16',
    ['neon', 'neon_bf16', 'neon_dot', 'neon_fp16', 'neon_i8mm', 'sve'],
  ],
  [
    'Intel Mac',
    'SSE4.1 AVX1.0 FMA\nAVX2 AVX512F AVX512VNNI',
    ['avx', 'avx2', 'avx512_vnni', 'avx512f', 'fma', 'sse4_1'],
  ],
  ['Apple M1', 'AdvSIMD FEAT_DotProd FEAT_FP16', ['neon', 'neon_dot', 'neon_fp16']],
  ['names of Object', 'constructor toString __proto__', []],
];

describe('instructionSetsIn', () => {
  for (const [machine, flags, expected] of FLAGS) {
    it(`reads ${machine}`, () => assert.deepEqual(instructionSetsIn(flags), expected));
  }
});

describe('cpuFacts', () => {
  it('knows the machine that it runs on', () => {
    const { cpu, instructionSets } = cpuFacts();
    assert.notEqual(cpu, '');
    if (process.platform === 'linux') assert.notDeepEqual(instructionSets, []);
  });
});
