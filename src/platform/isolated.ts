import { parentPort, Worker, workerData } from 'node:worker_threads';
import { type ErrorCode, type ErrorContext, ServiceError } from './errors.js';

interface Budget {
  readonly milliseconds: number;
  readonly heapMebibytes: number;
}

type Answer<Result> =
  | { readonly kind: 'result'; readonly result: Result }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly detail: string; readonly context: ErrorContext }
  | { readonly kind: 'bug'; readonly stack: string };

/**
 * Runs `module`, which must call `answerParent`, in a thread of its own, so that work a client can make long neither blocks the
 * event loop nor fills the heap of this process.
 * @throws ServiceError whatever the module refused; scan_limit_exceeded when it used up its time or heap; the signal's reason when aborted.
 */
export function runIsolated<Result>(module: URL, input: unknown, budget: Budget, signal: AbortSignal): Promise<Result> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const worker = new Worker(module, {
      workerData: input,
      resourceLimits: { maxOldGenerationSizeMb: budget.heapMebibytes },
      env: {},
    });
    const exhausted = (what: string) =>
      new ServiceError('scan_limit_exceeded', `The scan used up its ${what}.`, {
        hint: 'Files that tools of the field write are scanned in well under a second; check how this one was made.',
      });
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      finish();
      void worker.terminate();
    };
    const aborted = () => settle(() => reject(signal.reason));
    const timer = setTimeout(() => settle(() => reject(exhausted(`${budget.milliseconds} ms`))), budget.milliseconds);
    signal.addEventListener('abort', aborted, { once: true });
    worker.once('message', (answer: Answer<Result>) =>
      settle(() => {
        if (answer.kind === 'result') resolve(answer.result);
        else if (answer.kind === 'refused') reject(new ServiceError(answer.code, answer.detail, answer.context));
        else reject(new Error(`the scan failed: ${answer.stack}`));
      }),
    );
    worker.once('error', (error: NodeJS.ErrnoException) =>
      settle(() =>
        reject(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? exhausted(`${budget.heapMebibytes} MiB of heap`) : error),
      ),
    );
    worker.once('exit', (code) => settle(() => reject(new Error(`the scan thread ended with code ${code}`))));
  });
}

/** The other side of `runIsolated`: works on the input and sends back the result or the refusal. */
export async function answerParent<Input, Result>(work: (input: Input) => Result | Promise<Result>): Promise<void> {
  let answer: Answer<Result>;
  try {
    answer = { kind: 'result', result: await work(workerData as Input) };
  } catch (error) {
    if (error instanceof ServiceError) {
      const { cause: _, ...context } = error.context;
      answer = { kind: 'refused', code: error.code, detail: error.detail, context };
    } else {
      answer = { kind: 'bug', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  }
  parentPort?.postMessage(answer);
}
