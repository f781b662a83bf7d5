import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';

/** The three ways to start Modelpress, by the compiled entry. */
export const ENTRIES = {
  embedded: 'dist/src/main.js',
  api: 'dist/src/api/server.js',
  worker: 'dist/workers/main.js',
} as const;

/** One of our processes, as an operator would start it: it can be killed at any instant and started again. */
export class ServiceProcess {
  #child: ChildProcess | undefined;

  constructor(
    readonly kind: keyof typeof ENTRIES,
    private readonly environment: NodeJS.ProcessEnv & { DATA_DIR: string },
  ) {
    process.once('exit', () => this.#child?.kill('SIGKILL'));
  }

  start(): void {
    const log = openSync(join(this.environment.DATA_DIR, '..', `${this.kind}.log`), 'a');
    this.#child = spawn(process.execPath, ['--enable-source-maps', ENTRIES[this.kind]], {
      env: { PATH: process.env.PATH, ...this.environment },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
  }

  /** Ends it with a signal and resolves when it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}
