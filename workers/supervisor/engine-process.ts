import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { JobError } from '../../src/contracts/problem.js';
import { ERROR_CATALOGUE, type ErrorCode, type ErrorContext } from '../../src/platform/errors.js';
import { jobError, outOfMemory } from '../failure.js';
import { EngineMessage, MAX_MESSAGE_BYTES, type SupervisorMessage } from '../protocol.js';
import { causeOfDeath } from './death.js';
import type { EngineLimits } from './limits.js';
import { readLines } from './lines.js';
import type { Pausable } from './machine.js';
import { POLLS_MEMORY, residentBytes } from './memory.js';
import { scratchBytes } from './scratch.js';
import { signalGroup, spawnEngine } from './spawn.js';
import { Stopwatch } from './stopwatch.js';

/** Why a supervisor ends an engine although it did nothing wrong. */
export type StopReason = 'cancelled' | 'shutdown' | 'fenced';

export type EngineOutcome =
  /** result.json lies in the scratch folder, unchecked. */
  | { readonly kind: 'finished' }
  /** The step itself failed, or broke a limit: another attempt would too. */
  | { readonly kind: 'failed'; readonly error: JobError }
  /** The process died or fell silent: another attempt may succeed. */
  | { readonly kind: 'crashed'; readonly error: JobError }
  | { readonly kind: 'stopped'; readonly reason: StopReason };

export type EngineEvent = Exclude<EngineMessage, { type: 'finished' | 'failed' }>;

/** How often limits are looked at. */
const TICK_MS = 250;
/** Sizes change slowly and looking costs system calls: every eighth tick. */
const TICKS_PER_SIZE_CHECK = 8;
/** Kept of standard error, for the cause of death. */
const LAST_WORDS_BYTES = 8192;

/** One engine process, from its start to its certain end: its limits, what it says, and how it ended. */
export class EngineProcess implements Pausable {
  readonly pid: number;
  /** Settles when the process and everything it started are gone. Never rejects. */
  readonly outcome: Promise<EngineOutcome>;
  readonly #child: ChildProcess;
  readonly #clock = new Stopwatch();
  readonly #silence = new Stopwatch();
  readonly #timers: NodeJS.Timeout[] = [];
  #verdict: EngineOutcome | undefined;
  #ended = false;
  #lastWords = '';
  #phase = 'starting';

  /** Starts the engine in `scratch`, where task.json lies. `onEvent` gets checked messages. */
  constructor(
    private readonly scratch: string,
    private readonly limits: EngineLimits,
    private readonly onEvent: (event: EngineEvent) => void,
  ) {
    this.#child = spawnEngine(scratch, limits.memoryBytes);
    this.pid = this.#child.pid ?? 0;
    this.outcome = this.#watch();
  }

  /** Milliseconds that the engine has run, pauses not counted. */
  get elapsedMs(): number {
    return this.#clock.elapsed;
  }

  /** Ends the engine: asks first, and kills after the grace period. The first reason counts. */
  stop(reason: StopReason): void {
    this.#end({ kind: 'stopped', reason }, reason === 'cancelled' ? 'cancelled' : 'shutdown');
  }

  pause(): void {
    if (this.#ended) return;
    signalGroup(this.pid, 'SIGSTOP');
    this.#clock.pause();
    this.#silence.pause();
  }

  resume(): void {
    if (this.#ended) return;
    signalGroup(this.pid, 'SIGCONT');
    this.#clock.resume();
    this.#silence.resume();
  }

  granted(): void {
    this.#say({ type: 'exclusive_granted' });
  }

  async #watch(): Promise<EngineOutcome> {
    const child = this.#child;
    const [, , errors, messages, heartbeats] = child.stdio as [Writable, null, Readable, Readable, Readable];
    if (this.pid === 0) {
      await new Promise((resolve) => child.once('error', resolve));
      return {
        kind: 'crashed',
        error: jobError('runtime_crash', 'The engine could not be started.', { phase: 'starting' }),
      };
    }
    child.on('error', () => {});
    child.stdin?.on('error', () => {});
    errors.on('data', (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString('latin1')).slice(-LAST_WORDS_BYTES);
    });
    heartbeats.on('data', () => this.#silence.restart());
    readLines(
      messages,
      MAX_MESSAGE_BYTES,
      (line) => this.#hear(line),
      () => this.#misbehaved(),
    );
    let ticks = 0;
    this.#timers.push(setInterval(() => this.#tick(ticks++ % TICKS_PER_SIZE_CHECK === 0), TICK_MS));

    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const exit = await new Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>((resolve) => {
      child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
    });
    this.#ended = true;
    this.#clock.pause();
    for (const timer of this.#timers) clearInterval(timer);
    signalGroup(this.pid, 'SIGKILL');
    // What the engine wrote before its end is still in the pipes.
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, this.limits.graceMs).unref())]);
    if (this.#verdict) return this.#verdict;
    const { error, crash } = causeOfDeath({ ...exit, lastWords: this.#lastWords, phase: this.#phase });
    return { kind: crash ? 'crashed' : 'failed', error };
  }

  #hear(line: string): void {
    const message = parse(line);
    if (message === undefined) {
      this.#misbehaved();
    } else if (message.type === 'finished' || message.type === 'failed') {
      this.#verdict ??= message.type === 'finished' ? { kind: 'finished' } : failed(message.error, this.#phase);
      // It has said its last word; should it not end by itself, it is ended.
      this.#killAfterGrace();
    } else {
      if (message.type === 'progress') this.#phase = message.progress.phase;
      this.onEvent(message);
    }
  }

  /** An engine that does not speak the protocol is not ours any more. */
  #misbehaved(): void {
    this.#kill({
      kind: 'crashed',
      error: jobError('runtime_crash', 'The engine sent a message that makes no sense.', { phase: this.#phase }),
    });
  }

  #tick(sizes: boolean): void {
    const phase = this.#phase;
    if (this.#clock.elapsed > this.limits.timeMs) {
      const error = jobError('timeout', 'The engines of the job used up its timeout_seconds.', {
        phase,
        hint: 'Raise timeout_seconds, or use fewer samples and latency runs.',
      });
      this.#end({ kind: 'failed', error }, 'timeout');
    }
    if (this.#silence.elapsed > this.limits.silenceMs) {
      const seconds = Math.round(this.limits.silenceMs / 1000);
      this.#kill({ kind: 'crashed', error: jobError('engine_silent', `No heartbeat for ${seconds} s.`, { phase }) });
    }
    if (sizes) void this.#checkSizes();
  }

  async #checkSizes(): Promise<void> {
    const phase = this.#phase;
    const resident = POLLS_MEMORY ? await residentBytes(this.pid) : 0;
    if (resident > this.limits.memoryBytes) this.#kill({ kind: 'failed', error: outOfMemory({ phase }) });
    const written = await scratchBytes(this.scratch).catch(() => 0);
    if (written > this.limits.scratchBytes) {
      const error = jobError('no_space', 'The step wrote more files than its inputs explain.', { phase });
      this.#kill({ kind: 'failed', error });
    }
  }

  #end(verdict: EngineOutcome, reason: 'cancelled' | 'timeout' | 'shutdown'): void {
    if (this.#verdict) return;
    this.#verdict = verdict;
    this.#say({ type: 'abort', reason });
    this.#killAfterGrace();
  }

  #kill(verdict: EngineOutcome): void {
    this.#verdict ??= verdict;
    signalGroup(this.pid, 'SIGKILL');
  }

  #killAfterGrace(): void {
    this.#timers.push(setTimeout(() => signalGroup(this.pid, 'SIGKILL'), this.limits.graceMs));
  }

  #say(message: SupervisorMessage): void {
    this.#child.stdin?.write(`${JSON.stringify(message)}\n`);
  }
}

/** An engine's own error, in the catalogue's words; a code that the catalogue lacks is a mistake of ours. */
function failed({ code, detail, ...context }: JobError, phase: string): EngineOutcome {
  const known = Object.hasOwn(ERROR_CATALOGUE, code);
  const error = known
    ? jobError(code as ErrorCode, detail, context as ErrorContext)
    : jobError('internal_error', 'The engine failed in a way that has no name.', { phase });
  return { kind: 'failed', error };
}

function parse(line: string): EngineMessage | undefined {
  try {
    return EngineMessage.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
