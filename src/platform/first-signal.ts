/**
 * A signal that aborts with the first of these, or after `milliseconds`. Node 20 collects what AbortSignal.any and AbortSignal.timeout
 * give as garbage while somebody still waits for it; here the sources and the timer hold it. At least one source must abort in the
 * end, so that the others let go.
 */
export function firstSignal(signals: readonly AbortSignal[], milliseconds?: number): AbortSignal {
  const first = new AbortController();
  const timer =
    milliseconds === undefined
      ? undefined
      : setTimeout(() => first.abort(new DOMException('The time is over.', 'TimeoutError')), milliseconds);
  for (const signal of signals) {
    if (signal.aborted) first.abort(signal.reason);
    else signal.addEventListener('abort', () => first.abort(signal.reason), { once: true, signal: first.signal });
  }
  if (first.signal.aborted) clearTimeout(timer);
  else first.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  return first.signal;
}
