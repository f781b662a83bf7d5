import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from './until.js';

/** Making an embedded database takes seconds, many on a busy machine. */
const START_LIMIT_MS = 120_000;

/** A worker process (worker-process.ts) of a test. */
export interface WorkerProcess {
  readonly lines: readonly string[];
  /** The rest of the first line that starts with `word`. */
  says(word: string): Promise<string>;
  write(line: string): void;
  kill(signal: NodeJS.Signals): Promise<void>;
}

export function startWorkerProcess(t: TestContext, settings: Record<string, unknown>): WorkerProcess {
  const script = fileURLToPath(new URL('worker-process.js', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [script, JSON.stringify(settings)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  return {
    lines,
    async says(word) {
      const said = () => lines.find((line) => line.startsWith(`${word} `));
      await until(
        `the worker process says ${word}`,
        () => said() !== undefined || child.exitCode !== null,
        START_LIMIT_MS,
      );
      const line = said();
      if (line === undefined) throw new Error(`The worker process ended before it said ${word}.`);
      return line.slice(word.length + 1);
    },
    write: (line) => void child.stdin?.write(`${line}\n`),
    async kill(signal) {
      const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill(signal);
      if (signal === 'SIGKILL') await gone;
    },
  };
}
