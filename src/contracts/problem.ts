import { z } from 'zod';

/** One thing wrong with one field, addressed by JSON pointer. */
export const FieldError = z.object({
  pointer: z.string(),
  code: z.string(),
  message: z.string(),
  expected: z.string().optional(),
  received: z.string().optional(),
});
export type FieldError = z.infer<typeof FieldError>;

/** RFC 9457 problem details, the body of every error answer. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string(),
    request_id: z.string(),
    retryable: z.boolean(),
    errors: z.array(FieldError),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;

/** Why a job failed: a catalogue code, what to do, and the node when one operator is the reason. */
export const JobError = z.object({
  code: z.string(),
  title: z.string(),
  detail: z.string(),
  retryable: z.boolean(),
  phase: z.string().optional(),
  node: z.object({ name: z.string(), op_type: z.string() }).optional(),
  hint: z.string().optional(),
});
export type JobError = z.infer<typeof JobError>;
