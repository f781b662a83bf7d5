import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A server may take this long to accept its first connection, on a slow machine. */
const START_LIMIT_MS = 30_000;
const POLL_MS = 25;

/** A port that was free a moment ago on the loopback interface. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

/** The path of a program, or null when it is not installed. */
export function findProgram(name: string): string | null {
  const found = spawnSync('sh', ['-c', 'command -v "$0"', name], { encoding: 'utf8' });
  return found.status === 0 ? found.stdout.trim() : null;
}

/** A server as a child process of the test, which a test may kill and start again on the same port and data. */
export class ServerProcess {
  private child: ChildProcess | undefined;

  constructor(
    private readonly command: string,
    private readonly parameters: readonly string[],
    readonly port: number,
    private readonly identity: { uid?: number; gid?: number } = {},
  ) {
    // A test that dies must not leave its servers behind.
    process.once('exit', () => this.child?.kill('SIGKILL'));
  }

  /** Resolves when the server accepts connections; throws what it wrote when it does not come up. */
  async start(): Promise<void> {
    const child = spawn(this.command, this.parameters, { stdio: ['ignore', 'pipe', 'pipe'], ...this.identity });
    this.child = child;
    let output = '';
    child.stdout?.on('data', (text) => (output += text));
    child.stderr?.on('data', (text) => (output += text));
    const deadline = Date.now() + START_LIMIT_MS;
    while (!(await this.accepts())) {
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error(`${this.command} did not start:\n${output}`);
      await delay(POLL_MS);
    }
  }

  /** Ends the server with a signal and resolves when it is gone. SIGSTOP and SIGCONT only send. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await gone;
  }

  private accepts(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1');
      const answer = (yes: boolean) => {
        socket.destroy();
        resolve(yes);
      };
      socket.once('connect', () => answer(true));
      socket.once('error', () => answer(false));
    });
  }
}
