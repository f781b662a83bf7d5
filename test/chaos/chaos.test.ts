import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { seededRandom } from '../../src/platform/random.js';
import { SWEEP_GRACE } from '../../src/storage/blobs/blob-store.js';
import { FileBlobStore } from '../../src/storage/blobs/file-blob-store.js';
import { scratchRoot } from '../../workers/supervisor/scratch.js';
import { until } from '../jobs/until.js';
import { classifier } from '../workers/models.js';
import { enginesBelow } from '../workers/processes.js';
import { QUICK_EVALUATION } from '../workers/service.js';
import { FLEETS, type Fleet } from './fleet.js';
import { assertWhole } from './invariants.js';
import { killAtRandom } from './killer.js';

/** Another seed is another order of kills; a failure prints it. */
const SEED = Number(process.env.CHAOS_SEED ?? 1);
const JOBS = 50;
const KILLS = 24;
const MODELS = 5;
/** A step whose worker was killed waits up to 45 s on Redis, and may be hit again. */
const PATIENCE_MS = 240_000;

const quantize = { type: 'quantize', scheme: 'int8_dynamic', only_what_pays: false };
const STEPS: readonly (readonly object[])[] = [[], [quantize], [{ type: 'quantize', scheme: 'optimized' }, quantize]];

/** Submits the jobs one after the other, while the kills go on, and gives their ids with what they asked for. */
async function submitJobs({ client }: Fleet): Promise<Map<string, string>> {
  const asked = new Map<string, string>();
  for (let i = 0; i < JOBS; i++) {
    const model = await client.upload(classifier(i % MODELS));
    const steps = STEPS[i % STEPS.length] ?? [];
    const id = await client.submit({ model, steps, evaluate: QUICK_EVALUATION });
    asked.set(id, `${model} ${i % STEPS.length}`);
  }
  return asked;
}

async function assertAllWhole({ client }: Fleet, asked: ReadonlyMap<string, string>): Promise<void> {
  const results = new Map<string, string>();
  for (const [id, wanted] of asked) {
    const sha256 = await assertWhole(client, await client.job(id));
    assert.equal(results.get(wanted) ?? sha256, sha256, `${id}: equal jobs give equal bytes, kills or not`);
    results.set(wanted, sha256);
  }
}

/** Nothing is left on the machine but records and blobs: no process, no scratch folder, no temporary file. */
async function assertClean({ dataDir }: Fleet): Promise<void> {
  assert.deepEqual(enginesBelow(dataDir), []);
  assert.deepEqual(readdirSync(scratchRoot(dataDir)), []);
  const blobs = join(dataDir, 'blobs');
  // What a killed worker was moving is the janitor's, an hour later.
  const now = Date.now() + SWEEP_GRACE.temporaryGraceMs;
  await (await FileBlobStore.open(blobs)).sweep(new Set(), { ...SWEEP_GRACE, now });
  assert.deepEqual(readdirSync(join(blobs, 'incoming')), []);
}

for (const { name, skip, open } of FLEETS) {
  describe(`${KILLS} kills at random instants over ${JOBS} jobs (seed ${SEED}): ${name}`, { skip }, () => {
    test('every accepted job ends, whole and once, and nothing is left', async () => {
      const fleet = await open();
      const started = performance.now();
      const [asked, kills] = await Promise.all([submitJobs(fleet), killAtRandom(fleet, KILLS, seededRandom(SEED))]);
      const accepted = [...asked.keys()];
      const unfinished = async () => {
        const jobs = await Promise.all(accepted.map((id) => fleet.client.job(id)));
        return jobs.filter(({ done }) => !done).length;
      };
      await until('every job has ended', async () => (await unfinished()) === 0, PATIENCE_MS);
      console.log(
        `${JSON.stringify(kills)}, all jobs ended after ${Math.round((performance.now() - started) / 1000)} s`,
      );
      await assertAllWhole(fleet, asked);
      await fleet.end();
      await assertClean(fleet);
      await fleet.remove();
    });
  });
}
