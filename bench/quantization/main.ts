/**
 * `npm run bench:quantization [CASE …]`: our default schemes and our search beside ONNX Runtime's tool and NNCF, on real models. Each piece
 * runs in a process of its own and leaves a file; a run that was interrupted goes on where it stopped, and what is there is not done again.
 * `--phase make|score|time|table` does a part only, `--contender NAME` one of them.
 */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { type BenchCase, CASES } from './cases.js';
import { type Contender, contenders } from './contenders.js';
import { missing } from './open-case.js';
import { Results } from './results.js';
import { settings } from './settings.js';
import { table } from './table.js';

const PHASES = ['make', 'score', 'time', 'table'] as const;
const PIECE = fileURLToPath(new URL('./piece.js', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { phase: { type: 'string', multiple: true }, contender: { type: 'string', multiple: true } },
});
const phases = values.phase ?? PHASES;
const unknown = [
  ...positionals.filter((name) => !Object.hasOwn(CASES, name)),
  ...phases.filter((phase) => !PHASES.some((known) => known === phase)),
];
if (unknown.length > 0) {
  console.error(
    `Unknown: ${unknown.join(', ')}. Cases: ${Object.keys(CASES).join(', ')}. Phases: ${PHASES.join(', ')}.`,
  );
  process.exit(2);
}
const where = settings(process.env);
const results = new Results(where.output);
await mkdir(where.output, { recursive: true });

async function piece(phase: string, name: string, who: string): Promise<void> {
  const started = performance.now();
  let end = 'done';
  try {
    await promisify(execFile)(process.execPath, ['--enable-source-maps', PIECE, phase, name, who]);
  } catch (error) {
    end = `failed: ${error instanceof Error ? error.message : error}`;
  }
  console.error(`${name}: ${phase} ${who}: ${end} (${((performance.now() - started) / 1000).toFixed(0)} s)`);
}

const made = (name: string, { name: who }: Contender) => {
  const found = results.made(name, who);
  return found !== null && !('error' in found);
};

async function runCase(name: string, benchCase: BenchCase): Promise<void> {
  const wanted = contenders(benchCase).filter(
    ({ name: who, kind }) => (values.contender?.includes(who) ?? true) && (kind === 'ours' || where.peers !== null),
  );
  for (const { name: who } of phases.includes('make') ? wanted : []) {
    if (results.made(name, who) === null) await piece('make', name, who);
  }
  for (const contender of phases.includes('score') ? wanted : []) {
    if (made(name, contender) && results.score(name, contender.name) === null)
      await piece('score', name, contender.name);
  }
  if (!phases.includes('time')) return;
  const all = contenders(benchCase).filter((one) => one.subset === 0 && made(name, one));
  const timed = results.timing(name)?.models ?? {};
  if (all.some((one) => !Object.hasOwn(timed, one.name))) {
    await piece('time', name, all.map((one) => one.name).join(','));
  }
}

for (const [name, benchCase] of Object.entries(CASES)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const reason = missing(benchCase, where);
  if (reason) console.error(`${name}: skipped: ${reason}.`);
  else await runCase(name, benchCase);
}
if (where.peers === null) console.error('Without peers: MODELPRESS_BENCH_PEERS is not set.');
if (phases.includes('table')) {
  const text = table(results);
  await writeFile(join(where.output, 'table.md'), text);
  console.log(text);
}
