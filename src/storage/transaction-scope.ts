import { AsyncLocalStorage } from 'node:async_hooks';

interface Scope {
  open: boolean;
}
const scopes = new AsyncLocalStorage<Scope>();

/** Runs the callback of a transaction, so that `assertOutsideTransaction` knows what is called from inside it. */
export async function insideTransaction<T>(callback: () => Promise<T>): Promise<T> {
  const scope: Scope = { open: true };
  try {
    return await scopes.run(scope, callback);
  } finally {
    scope.open = false;
  }
}

/**
 * Throws when called from inside a transaction's callback. Such a query would run outside the transaction; on the embedded
 * database, which is one session, it would wait for itself for ever. A bug of ours, found at its first run on either database.
 */
export function assertOutsideTransaction(): void {
  if (scopes.getStore()?.open) {
    throw new Error('A transaction callback used the pool: it must use the transaction that it was given.');
  }
}
