/** Runs the compiled test files below dist/test, or those whose path contains one of the arguments: `npm test -- onnx/`. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const wanted = process.argv.slice(2);
const files = readdirSync('dist/test', { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.test.js') && (wanted.length === 0 || wanted.some((part) => file.includes(part))))
  .sort()
  .map((file) => `dist/test/${file}`);
if (files.length === 0) {
  console.error('No test file matches.');
  process.exit(1);
}
const options = ['--enable-source-maps', '--test', '--test-reporter=spec', '--test-concurrency=2'];
process.exit(spawnSync(process.execPath, [...options, ...files], { stdio: 'inherit' }).status ?? 1);
