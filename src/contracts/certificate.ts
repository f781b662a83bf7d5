import { z } from 'zod';
import { Sha256 } from './ids.js';
import { Environment, NodeReport } from './report.js';

/** What a quantized model really does: which nodes run in integer kernels here, and whether they compute the same elsewhere. Artifact `certificate.json`. */
export const Certificate = z.object({
  object: z.literal('certificate'),
  version: z.literal(1),
  model: Sha256.meta({ description: 'The quantized model that this is about.' }),
  scheme: z.string(),
  environment: Environment.omit({ threads: true, node: true }),
  fusion: z.object({
    integer_nodes: z.int(),
    float_nodes: z.int(),
    quantize_linear: z
      .int()
      .meta({ description: 'QuantizeLinear nodes that are executed, where float meets integer.' }),
    dequantize_linear: z.int(),
    kernels: z.record(z.string(), z.int()).meta({ description: 'How many nodes each integer kernel does.' }),
    nodes: z.array(NodeReport.pick({ name: true, op_type: true, integer: true, kernel: true, reason: true })),
  }),
  portability: z.object({
    exact_everywhere: z.boolean().meta({ description: 'Every CPU computes the same integers.' }),
    risky_nodes: z.array(z.string()).meta({ description: 'Nodes whose sums can saturate on CPUs without VNNI.' }),
    nodes: z.array(NodeReport.pick({ name: true, op_type: true, exact_everywhere: true, largest_pair: true })),
  }),
});
export type Certificate = z.infer<typeof Certificate>;
