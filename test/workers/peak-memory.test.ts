import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

const MEBIBYTE = 2 ** 20;
const OWN = new URL('../../workers/steps/peak-memory.js', import.meta.url).href;

test('a peak of memory is that of the process itself, not of the one that started it', {
  skip: process.platform !== 'linux',
}, () => {
  const large = Buffer.alloc(300 * MEBIBYTE, 1);
  const script = (megabytes: number) =>
    `const held = Buffer.alloc(${megabytes} * 2 ** 20, 1);
     const { peakMemoryBytes } = await import(${JSON.stringify(OWN)});
     console.log(peakMemoryBytes() + held[0] - 1);`;
  const peak = (megabytes: number) =>
    Number(execFileSync(process.execPath, ['--input-type=module', '-e', script(megabytes)], { encoding: 'utf8' }));
  const [small, more] = [peak(1), peak(100)];
  assert.ok(small > 10 * MEBIBYTE && small < large.length, `${small} bytes`);
  assert.ok(more > small + 80 * MEBIBYTE, `${more} bytes`);
});
