import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { Estimate } from '../../src/contracts/estimate.js';
import { CandidateReport, Environment } from '../../src/contracts/report.js';

/** A contender's model, or why there is none. */
export const Made = z.union([
  z.object({
    bytes: z.int(),
    sha256: z.string(),
    /** Of making it, evaluation apart, and the most memory that its process held. */
    seconds: z.number(),
    peak_bytes: z.number(),
    notes: z.array(z.string()),
    candidates: z.array(CandidateReport),
  }),
  z.object({ error: z.string() }),
]);
export type Made = z.infer<typeof Made>;

/** How good it is on the evaluation samples, beside the original on the same ones. */
export const Score = z.union([
  z.object({
    metric: z.string(),
    samples: z.int(),
    original: Estimate,
    result: Estimate,
    /** Paired; positive is worse. */
    drop: Estimate,
    /** Mean absolute error over whole recordings, each model living with its own state; null for models without one. */
    closed_loop: z
      .object({ error: z.number(), worst_recording: z.number(), windows: z.int(), recordings: z.int() })
      .nullable(),
  }),
  z.object({ error: z.string() }),
]);
export type Score = z.infer<typeof Score>;

/** All models of a case timed in one run, in alternating blocks. */
export const Timing = z.object({
  environment: Environment,
  runs: z.int(),
  original_ms: z.number(),
  original_bytes: z.int(),
  /** By contender: milliseconds (20th percentile), how much faster than the original, and how much faster than our search's model. */
  models: z.record(z.string(), z.object({ ms: z.number(), speedup: Estimate, over_auto: Estimate.nullable() })),
});
export type Timing = z.infer<typeof Timing>;

/** Files of a run: a folder for each case, and in it one for each contender. */
export class Results {
  constructor(readonly folder: string) {}

  contender(benchCase: string, name: string): string {
    return join(this.folder, benchCase, name);
  }

  made = (benchCase: string, name: string) => read(join(this.contender(benchCase, name), 'made.json'), Made);
  score = (benchCase: string, name: string) => read(join(this.contender(benchCase, name), 'score.json'), Score);
  timing = (benchCase: string) => read(join(this.folder, benchCase, 'timing.json'), Timing);

  keepMade = (benchCase: string, name: string, made: Made) =>
    write(join(this.contender(benchCase, name), 'made.json'), made);
  keepScore = (benchCase: string, name: string, score: Score) =>
    write(join(this.contender(benchCase, name), 'score.json'), score);
  keepTiming = (benchCase: string, timing: Timing) => write(join(this.folder, benchCase, 'timing.json'), timing);
}

function read<Schema extends z.ZodType>(path: string, schema: Schema): z.infer<Schema> | null {
  return existsSync(path) ? schema.parse(JSON.parse(readFileSync(path, 'utf8'))) : null;
}

/** A run that is killed while it writes leaves no half of a file. */
async function write(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.partial`, JSON.stringify(value, null, 1));
  await rename(`${path}.partial`, path);
}
