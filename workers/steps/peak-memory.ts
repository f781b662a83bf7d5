import { readFileSync } from 'node:fs';

const KIBIBYTE = 1024;

/**
 * The most memory that this process has held, in bytes. On Linux from its own address space: `getrusage` hands the peak of the process that
 * started this one on, across exec, and a worker may be larger than its engine.
 */
export function peakMemoryBytes(): number {
  const own =
    process.platform === 'linux' ? /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1')) : null;
  return Number(own?.[1] ?? process.resourceUsage().maxRSS) * KIBIBYTE;
}
