import { EventEmitter } from 'node:events';
import type { Logger } from '../platform/logger.js';

/** Carries the ids of jobs that changed between processes. May lose, repeat or delay them. */
export interface SignalTransport {
  publish(job: string): Promise<void>;
  /** Called once; `heard` gets every id that arrives, this process's own included. */
  listen(heard: (job: string) => void): void;
  close(): Promise<void>;
}

/** Waits for changes of one job without missing one between two reads of its record. */
export interface JobWatch {
  /** Resolves when the job may have changed since the last call (or since `watch`), at the latest after SAFETY_POLL_MS or an abort. */
  changed(signal?: AbortSignal): Promise<void>;
  close(): void;
}

/** Wake-ups between processes: only a hint to read the record again, which is the truth. */
export interface Signals {
  /** Says that a job changed. Never throws and never waits: who misses it polls. */
  publish(job: string): void;
  watch(job: string): JobWatch;
  close(): Promise<void>;
}

/** A lost wake-up delays a watcher by no more than this. */
export const SAFETY_POLL_MS = 5000;

export function openSignals(transport: SignalTransport, logger: Logger): Signals {
  const heard = new EventEmitter();
  // One listener per watcher: a thousand clients may follow one job.
  heard.setMaxListeners(0);
  transport.listen((job) => heard.emit(job));
  return {
    publish(job) {
      // Watchers in this process do not depend on the transport.
      heard.emit(job);
      transport.publish(job).catch((error: unknown) => logger.debug({ err: error, job }, 'a wake-up was lost'));
    },
    watch: (job) => watchJob(heard, job),
    close: () => transport.close(),
  };
}

function watchJob(heard: EventEmitter, job: string): JobWatch {
  let pending = false;
  let wake: (() => void) | undefined;
  const onHint = () => {
    pending = true;
    wake?.();
  };
  heard.on(job, onHint);
  return {
    async changed(signal) {
      if (!pending && !signal?.aborted) {
        await new Promise<void>((resolve) => {
          const end = () => {
            clearTimeout(timer);
            signal?.removeEventListener('abort', end);
            wake = undefined;
            resolve();
          };
          const timer = setTimeout(end, SAFETY_POLL_MS);
          signal?.addEventListener('abort', end);
          wake = end;
        });
      }
      pending = false;
    },
    close() {
      heard.off(job, onHint);
      wake?.();
    },
  };
}
