import type { JobEvent } from '../../contracts/job.js';

const frame = (event: JobEvent): string => `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

const QUIET = Symbol('nothing happened');

/** Resolves with QUIET after `milliseconds`; `stop` lets go of the timer. */
function silence(milliseconds: number) {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<typeof QUIET>((resolve) => {
    timer = setTimeout(resolve, milliseconds, QUIET);
  });
  return { passed, stop: () => clearTimeout(timer) };
}

/**
 * The text of a server-sent event stream (WHATWG HTML §9.2): each event as it comes, `: ping` after `pingMs` without one, and
 * the end when the events end.
 */
export async function* eventStream(events: AsyncGenerator<JobEvent>, pingMs: number): AsyncGenerator<string> {
  try {
    // A comment first, so that the answer's headers leave at once.
    yield ': open\n\n';
    let next = events.next();
    for (;;) {
      const quiet = silence(pingMs);
      const happened = await Promise.race([next, quiet.passed]).finally(quiet.stop);
      if (happened === QUIET) {
        yield ': ping\n\n';
        continue;
      }
      if (happened.done) return;
      yield frame(happened.value);
      next = events.next();
    }
  } finally {
    // Not awaited: it waits for an event that may come late; whoever made the events ends them by their signal.
    void events.return(undefined);
  }
}
