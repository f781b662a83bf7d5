import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client } from '../../examples/client.js';
import { type RunningService, startService } from '../../examples/service.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { seededRandom } from '../../src/platform/random.js';
import { TEMPLATES } from '../../src/templates/templates.js';
import { calibrationRoot } from '../../workers/supervisor/calibration-cache.js';
import { ADMIN_KEY } from '../api/fixtures.js';
import { makeDataFolder, type TestDataFolder } from '../harness/data-folder.js';

const DIGITS = 'examples/data/digits.npz';
/** Pixels count from 0 to 16. */
const PIXELS = { arrays: { x: { scale: 1 / 16 } } };

/** A tenant with the same model and data as the others. */
interface Tenant {
  readonly client: Client;
  readonly model: string;
  readonly dataset: string;
}

describe('ranges that an earlier job measured', () => {
  let data: TestDataFolder;
  let service: RunningService;
  let ours: Tenant;
  let stranger: Tenant;

  async function tenantOf(tenant: string, path: string): Promise<Tenant> {
    const answer = await fetch(`${service.url}/v1/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ tenant, name: tenant }),
    });
    assert.equal(answer.status, 201, await answer.clone().text());
    const client = new Client(service.url, ((await answer.json()) as { secret: string }).secret);
    const dataset = (await client.uploadDataset(DIGITS, 'digits.npz', PIXELS)).id;
    return { client, dataset, model: (await client.uploadModel(path, 'drawn')).id };
  }

  before(async () => {
    data = await makeDataFolder();
    service = await startService(data.path, { ADMIN_KEY });
    const input = { input: { name: 'x', dims: [64] }, output: 'y', classes: 10 };
    const path = join(data.path, 'drawn.onnx');
    await writeFile(path, encodeModel(TEMPLATES.mlp(input, [96], seededRandom(1))));
    ours = await tenantOf('ours', path);
    stranger = await tenantOf('stranger', path);
  });
  after(async () => {
    await service?.stop();
    await data.remove();
  });

  /** Quantizes, and says whether ranges were reused and which bytes came out. */
  async function quantized({ client, model, dataset }: Tenant, step: object = {}, samples = 20) {
    const { id } = await client.createJob({
      ...{ model, dataset, evaluate: { metric: 'agreement', samples, latency: { runs: 40 } } },
      steps: [
        {
          ...{ type: 'quantize', scheme: 'int8_static', only_what_pays: false },
          ...{ calibration: { method: 'mse', samples: 50 }, ...step },
        },
      ],
    });
    const job = await client.waitFor(id, () => {});
    assert.equal(job.status, 'succeeded', JSON.stringify(job.error));
    const [stage] = (await client.report(id)).stages;
    return { reused: stage?.calibration?.reused ?? false, sha256: job.result?.sha256 };
  }
  const entries = () => readdir(calibrationRoot(data.path));

  test('serve a later one with the same model, data, samples and method, to the same bytes', async () => {
    const first = await quantized(ours);
    assert.equal(first.reused, false);
    assert.deepEqual(await quantized(ours), { ...first, reused: true });
    const other = await quantized(ours, { bias_correction: 'analytic' });
    assert.equal(other.reused, true, 'biases are corrected after the ranges are known');
  });

  test('do not serve another method, other samples or another tenant', async () => {
    for (const calibration of [
      { method: 'entropy', samples: 50 },
      { method: 'mse', samples: 40 },
    ])
      assert.equal((await quantized(ours, { calibration })).reused, false, JSON.stringify(calibration));
    assert.equal((await quantized(stranger)).reused, false);
    assert.equal((await quantized(stranger)).reused, true);
  });

  test('are measured anew when what was kept is damaged', async () => {
    const whole = await quantized(ours);
    assert.equal(whole.reused, true);
    for (const name of await entries()) {
      const path = join(calibrationRoot(data.path), name);
      const bytes = await readFile(path);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      await writeFile(path, bytes);
    }
    assert.deepEqual(await quantized(ours), { ...whole, reused: false });
    assert.deepEqual(await quantized(ours), whole);
  });
});
