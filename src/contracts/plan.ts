import { z } from 'zod';
import { JobSpec, METRICS } from './job-spec.js';

/** The answer to POST /v1/jobs?dry_run=true: the spec with every default, and what would be done, with nothing stored. */
export const JobPlan = z
  .object({
    object: z.literal('job_plan'),
    spec: JobSpec,
    evaluation: z
      .object({ metric: z.enum(METRICS), output: z.string() })
      .meta({ description: 'What will be scored, as far as the model declares its outputs.' }),
    splits: z.record(z.string(), z.object({ samples: z.int(), source: z.enum(['manifest', 'seeded', 'synthetic']) })),
    actions: z.array(z.string()).meta({ description: 'What the job would do, in order.' }),
    warnings: z.array(z.string()),
  })
  .meta({ id: 'JobPlan' });
export type JobPlan = z.infer<typeof JobPlan>;
