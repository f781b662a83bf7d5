import type { Environment } from '../contracts/report.js';
import { cpuFacts } from '../platform/cpu.js';
import { ONNXRUNTIME_VERSION } from '../runtime/version.js';

/** Where the numbers were measured. */
export function environmentOf(threads: number): Environment {
  const { cpu, instructionSets } = cpuFacts();
  return {
    cpu,
    instruction_sets: [...instructionSets],
    threads,
    onnxruntime: ONNXRUNTIME_VERSION,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
  };
}
