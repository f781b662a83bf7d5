import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Milliseconds of the clock and of the processor (all threads), and loss, of each of some steps in a row. */
export interface Steps {
  readonly times: readonly number[];
  readonly processor: readonly number[];
  readonly losses: readonly number[];
}

export interface Peer {
  /** Takes a network's weights and batches from an npz file. @returns what it is, in words */
  take(network: string, file: string): Promise<string>;
  steps(count: number): Promise<Steps>;
  stop(): void;
}

/** PyTorch in a process of its own, which waits between two requests. @param python of an environment that has torch */
export function startPeer(python: string, threads: number): Peer {
  const child = spawn(python, ['bench/training/peer.py', String(threads)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (command: object) => {
    child.stdin.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error('the peer ended');
    return JSON.parse(value);
  };
  return {
    async take(network, file) {
      const { parameters, torch } = await ask({ network, file });
      return `PyTorch ${torch}, eager, ${parameters} parameters`;
    },
    steps: (count) => ask({ steps: count }),
    stop: () => child.kill(),
  };
}
