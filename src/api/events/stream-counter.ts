import { MAX_EVENT_STREAMS } from '../../security/limits.js';

/** Counts the open event streams of each tenant in this process. */
export class StreamCounter {
  readonly #open = new Map<string, number>();

  /** Takes a place; false when the tenant has as many open as it may. */
  open(tenant: string): boolean {
    const open = this.#open.get(tenant) ?? 0;
    if (open >= MAX_EVENT_STREAMS) return false;
    this.#open.set(tenant, open + 1);
    return true;
  }

  close(tenant: string): void {
    const open = this.#open.get(tenant) ?? 0;
    if (open <= 1) this.#open.delete(tenant);
    else this.#open.set(tenant, open - 1);
  }
}
