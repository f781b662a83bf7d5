/**
 * `npm run bench`: what the service itself costs, measured from outside over HTTP on this machine. Every figure is printed with
 * what it was measured on; compare ratios, not absolute times, between machines.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startService } from '../examples/service.js';
import { measureJobs } from './jobs.js';
import { measureQuantization } from './recognizer.js';
import { measureRequests } from './requests.js';
import { measureUpload } from './upload.js';

const measurements = {
  upload: measureUpload,
  requests: measureRequests,
  jobs: measureJobs,
  recognizer: measureQuantization,
};
const wanted = process.argv.slice(2);

console.log(`${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Node ${process.versions.node}`);
for (const [name, measure] of Object.entries(measurements)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const folder = await mkdtemp(join(tmpdir(), 'modelpress-bench-'));
  const service = await startService(join(folder, 'data'));
  try {
    for (const [what, value] of await measure(service)) console.log(`${what.padEnd(60)} ${value}`);
  } finally {
    await service.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
