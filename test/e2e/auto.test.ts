import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client } from '../../examples/client.js';
import { type RunningService, startService } from '../../examples/service.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { seededRandom } from '../../src/platform/random.js';
import { TEMPLATES } from '../../src/templates/templates.js';
import { makeDataFolder, type TestDataFolder } from '../harness/data-folder.js';
import { until } from '../jobs/until.js';
import { enginesBelow } from '../workers/processes.js';

/** Pixels count from 0 to 16. */
const PIXELS = { arrays: { x: { scale: 1 / 16 } } };
/** What a busy machine may take. */
const REACHES_MS = 60_000;
const evaluate = { metric: 'cosine', samples: 40, latency: { runs: 40 } };
/** Few, so that the test is quick. */
const SCHEMES = ['optimized', 'int8_dynamic', 'int8_weights'];
const AUTO = { type: 'quantize', scheme: 'auto', budget_seconds: 120, schemes: SCHEMES, calibration: { samples: 16 } };

describe('a search over HTTP', () => {
  let data: TestDataFolder;
  let service: RunningService;
  let client: Client;
  let dataset: string;
  let model: string;

  const post = (spec: object) => client.createJob({ model, dataset, evaluate, ...spec });
  const finished = async (id: string) => {
    const job = await client.waitFor(id, () => {});
    assert.equal(job.status, 'succeeded', JSON.stringify(job.error));
    return { job, report: await client.report(id), artifacts: await client.artifacts(id) };
  };

  before(async () => {
    data = await makeDataFolder();
    service = await startService(data.path);
    client = new Client(service.url);
    dataset = (await client.uploadDataset('examples/data/digits.npz', 'digits.npz', PIXELS)).id;
    const signature = { input: { name: 'x', dims: [64] }, output: 'y', classes: 10 };
    const path = join(data.path, 'network.onnx');
    await writeFile(path, encodeModel(TEMPLATES.mlp(signature, [256], seededRandom(1))));
    model = (await client.uploadModel(path, 'network')).id;
  });
  after(async () => {
    await service?.stop();
    await data.remove();
  });

  test('chooses one candidate, says why not the others, and its plan gives the same bytes without a search', async () => {
    const found = await finished((await post({ steps: [AUTO], require: { max_size_ratio: 0.5 } })).id);
    const { candidates } = found.report;
    const [chosen, ...more] = candidates.filter((candidate) => candidate.chosen);
    assert.ok(chosen && more.length === 0, JSON.stringify(candidates));
    assert.equal(chosen.refused, null);
    for (const { on_front, refused, variant } of candidates) {
      assert.equal(refused === null, on_front, `${variant} is on the front, or there is a reason why not`);
    }
    for (const scheme of SCHEMES) {
      assert.ok(
        candidates.some((candidate) => candidate.scheme === scheme),
        scheme,
      );
    }
    assert.ok(found.report.size_ratio <= 0.5, `size ratio ${found.report.size_ratio}`);
    assert.deepEqual(found.report.stages[0]?.candidates, candidates);

    const plan = found.artifacts.find(({ role }) => role === 'plan')?.id;
    const planned = { type: 'quantize', scheme: 'auto', plan };
    const again = await finished((await post({ steps: [planned] })).id);
    assert.equal(again.job.result?.sha256, found.job.result?.sha256);
    assert.deepEqual(again.report.candidates, []);
    const other = await client.waitFor((await post({ steps: [planned], seed: 7 })).id, () => {});
    assert.equal(other.error?.code, 'invalid_request');
    assert.match(other.error?.detail ?? '', /made with the seed 0, not 7/);
  });

  test('an engine that dies in the middle is followed by one that goes on with what was measured', async () => {
    const { id } = await post({ steps: [AUTO], seed: 1 });
    const memory = join(data.path, 'scratch', `${id}-1`, 'checkpoint-0-search.bin');
    await until('a candidate was measured', async () => existsSync(memory), REACHES_MS);
    for (const pid of enginesBelow(data.path)) process.kill(pid, 'SIGKILL');
    const { job, report } = await finished(id);
    assert.equal(job.steps[0]?.attempt, 2);
    assert.ok(
      report.notes.some((note) => /^The search went on from \d+ candidates/.test(note)),
      report.notes.join('\n'),
    );
    const variants = report.candidates.map(({ scheme, variant }) => `${scheme} ${variant}`);
    assert.equal(new Set(variants).size, variants.length, 'nothing was tried twice');
  });

  test('its candidates are in the report when another step follows', async () => {
    const distill = { type: 'distill', student: { template: 'mlp', widths: [8] }, training: { epochs: 1 } };
    const search = { ...AUTO, schemes: ['optimized'] };
    const { report } = await finished((await post({ steps: [search, distill] })).id);
    assert.deepEqual(report.candidates.map(({ scheme }) => scheme).slice(0, 1), ['optimized']);
    assert.deepEqual(report.stages[0]?.candidates, report.candidates);
  });
});
