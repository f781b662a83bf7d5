import type { Certificate } from '../contracts/certificate.js';
import type { NodeReport, StageReport } from '../contracts/report.js';

/** Fusion and portability of a quantized model, from what was found of its nodes. */
export function certify(
  nodes: readonly NodeReport[],
  executed: NonNullable<StageReport['executed']>,
): Pick<Certificate, 'fusion' | 'portability'> {
  const integer = nodes.filter((node) => node.integer);
  const kernels: Record<string, number> = {};
  for (const { kernel } of integer) if (kernel !== undefined) kernels[kernel] = (kernels[kernel] ?? 0) + 1;
  const risky = riskyNodes(nodes);
  return {
    fusion: {
      integer_nodes: integer.length,
      float_nodes: nodes.length - integer.length,
      ...executed,
      kernels,
      nodes: nodes.map(({ name, op_type, kernel, reason, ...node }) => ({
        ...{ name, op_type, integer: node.integer },
        ...(kernel !== undefined && { kernel }),
        ...(reason !== undefined && { reason }),
      })),
    },
    portability: {
      exact_everywhere: risky.length === 0,
      risky_nodes: risky,
      nodes: integer.map(({ name, op_type, exact_everywhere, largest_pair }) => ({
        ...{ name, op_type, exact_everywhere },
        ...(largest_pair !== undefined && { largest_pair }),
      })),
    },
  };
}

const riskyNodes = (nodes: readonly NodeReport[]): string[] =>
  nodes.filter(({ exact_everywhere }) => exact_everywhere === false).map(({ name }) => name);

/** Risky nodes that a sentence names. */
const NAMED = 5;

/** What a report says of portability; nothing where no node runs in integer. */
export function portabilityNotes(nodes: readonly NodeReport[]): string[] {
  const integer = nodes.filter((node) => node.integer).length;
  if (integer === 0) return [];
  const risky = riskyNodes(nodes);
  if (risky.length === 0) return ['Portable: the integer nodes compute the same on every CPU.'];
  const more = risky.length > NAMED ? ` and ${risky.length - NAMED} more` : '';
  return [
    `Not portable: on CPUs without VNNI, sums of ${risky.length} of ${integer} integer nodes can saturate (${risky.slice(0, NAMED).join(', ')}${more}). "portable": true avoids that.`,
  ];
}
