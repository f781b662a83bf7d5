import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** From the compiled file up to the root of the project, wherever the service was started. */
const MANIFEST = new URL('../../../package.json', import.meta.url);

/** What package.json says of this build. */
export const PACKAGE = z
  .object({ version: z.string(), description: z.string(), dependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(MANIFEST, 'utf8')));
