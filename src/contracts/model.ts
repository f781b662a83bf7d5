import { z } from 'zod';
import { ModelId, Sha256, Timestamp } from './ids.js';
import { ValueSignature } from './signature.js';

/** What the admission scan found in a model, without running it. Counts include subgraphs. */
export const ModelInspection = z.object({
  ir_version: z.int(),
  producer: z.string(),
  opsets: z
    .record(z.string(), z.int())
    .meta({ description: 'Operator set version by domain; "" is the standard domain.' }),
  inputs: z.array(ValueSignature).meta({ description: 'What a caller feeds: graph inputs that are not initializers.' }),
  outputs: z.array(ValueSignature),
  operators: z
    .record(z.string(), z.int())
    .meta({ description: 'How many nodes of each operator; other domains as domain::Operator.' }),
  nodes: z.int(),
  parameters: z.int().meta({ description: 'Elements over all initializers and Constant tensors.' }),
  weight_bytes: z.int(),
  external_data: z
    .array(z.string())
    .meta({ description: 'Locations of the external data files that the model names.' }),
});
export type ModelInspection = z.infer<typeof ModelInspection>;

export const Model = z
  .object({
    object: z.literal('model'),
    id: ModelId,
    name: z.string(),
    bytes: z.int().meta({ description: 'The ONNX file and its external data files together.' }),
    sha256: Sha256.meta({ description: 'Of the ONNX file.' }),
    created_at: Timestamp,
    deduplicated: z
      .boolean()
      .optional()
      .meta({ description: 'True when an upload found the same bytes already there.' }),
    inspection: ModelInspection,
    urls: z.object({ self: z.string(), content: z.string() }),
  })
  .meta({ id: 'Model' });
export type Model = z.infer<typeof Model>;
