import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

/** Imports, lazy imports, and threads started by the address of their file, as the compiler writes them. */
const REFERENCES = /(?:(?<!['"])\bfrom\s*|\bimport\s*\(?\s*|\bnew URL\(\s*)['"]([^'"]+)['"]/g;

/** Every file of ours and every package that a compiled file reaches. */
function reachable(entry: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const waiting = [resolve(entry)];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(REFERENCES)) {
      if (name.startsWith('.')) waiting.push(join(dirname(file), name));
      else if (!name.startsWith('node:')) packages.add(/^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name);
    }
  }
  return { files, packages };
}

test('the engine reaches neither HTTP, the queue, the records nor the network', () => {
  const { files, packages } = reachable('dist/workers/engine.js');
  const rooms = new Set([...files].map((file) => relative('dist', file).split('/').slice(0, 2).join('/')));
  for (const room of ['src/api', 'src/jobs', 'src/storage', 'src/security', 'src/services.js', 'workers/supervisor'])
    assert.ok(!rooms.has(room), `it imports ${room}`);
  for (const room of ['src/quantization', 'src/evaluation', 'src/runtime', 'workers/steps'])
    assert.ok(rooms.has(room), `the walk lost its way before ${room}`);
  assert.deepEqual(
    [...packages].sort(),
    ['@bufbuild/protobuf', 'onnx-buf', 'onnxruntime-node', 'yauzl', 'zod'],
    'a new package in the engine is a decision',
  );
});
