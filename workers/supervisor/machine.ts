import { spawn } from 'node:child_process';

/** An engine that can be made to stand still; its clocks stand still with it. */
export interface Pausable {
  /** Leader of its process group. */
  readonly pid: number;
  pause(): void;
  resume(): void;
  /** Tells it that it has the machine alone. */
  granted(): void;
}

/** The longest that one engine may hold the machine: a minute of timing is usual, and the others' jobs wait meanwhile. */
export const MAX_HOLD_MS = 300_000;

/**
 * The exclusive lease of this machine among the engines of one worker process. Latency that is timed beside a computing
 * neighbour is four times too long; so one engine at a time is timed, and the others are stopped meanwhile.
 */
export class Machine {
  readonly #engines = new Set<Pausable>();
  readonly #waiting: Pausable[] = [];
  #holder: Pausable | undefined;
  #holdTimer: NodeJS.Timeout | undefined;
  #leash: Leash | undefined;

  constructor(private readonly maxHoldMs: number = MAX_HOLD_MS) {}

  /** An engine has started. While another one is being timed it stands still from the first instant. */
  enter(engine: Pausable): void {
    this.#engines.add(engine);
    if (this.#holder) this.#stop([engine]);
  }

  /** An engine has ended: what it held or waited for passes on. */
  leave(engine: Pausable): void {
    this.#engines.delete(engine);
    this.release(engine);
  }

  /** Asks for the machine; `granted` is called when it is free. Asking twice is asking once. */
  request(engine: Pausable): void {
    if (this.#holder === engine || this.#waiting.includes(engine) || !this.#engines.has(engine)) return;
    this.#waiting.push(engine);
    if (!this.#holder) this.#next();
  }

  /** Gives the machine, or the place in the queue, back. */
  release(engine: Pausable): void {
    const at = this.#waiting.indexOf(engine);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (this.#holder === engine) this.#next();
  }

  #next(): void {
    clearTimeout(this.#holdTimer);
    this.#holder = this.#waiting.shift();
    const holder = this.#holder;
    if (!holder) {
      for (const engine of this.#engines) engine.resume();
      this.#leash?.release();
      this.#leash = undefined;
      return;
    }
    this.#stop([...this.#engines].filter((engine) => engine !== holder));
    holder.resume();
    holder.granted();
    this.#holdTimer = setTimeout(() => this.release(holder), this.maxHoldMs).unref();
  }

  #stop(engines: readonly Pausable[]): void {
    this.#leash ??= new Leash();
    for (const engine of engines) {
      this.#leash.hold(engine.pid);
      engine.pause();
    }
  }
}

/**
 * Kills stopped engines should this process die: a stopped process cannot notice by itself that its parent is gone. A small
 * shell reads process groups from a pipe; when the pipe ends without the word "release" it kills them.
 */
class Leash {
  readonly #shell = spawn(
    '/bin/sh',
    [
      '-c',
      'while read -r group; do [ "$group" = release ] && exit; set -- "$@" "-$group"; done; kill -s KILL -- "$@"',
      'leash',
    ],
    { detached: true, env: {}, stdio: ['pipe', 'ignore', 'ignore'] },
  );

  constructor() {
    // A shell that cannot be started or has been killed only costs its service; stopping goes on without it.
    this.#shell.on('error', () => {});
    this.#shell.stdin.on('error', () => {});
    this.#shell.unref();
  }

  hold(group: number): void {
    this.#shell.stdin.write(`${group}\n`);
  }

  release(): void {
    this.#shell.stdin.end('release\n');
  }
}
