import type { JobsContext } from '../jobs/context.js';
import type { BlobStore } from '../storage/blobs/blob-store.js';

/** What the api works with; opened and closed by whoever builds the app. */
export interface Services extends JobsContext {
  readonly blobs: BlobStore;
  /** Asks every part that can be away, now. */
  readiness(): Promise<{ readonly ready: boolean; readonly parts: Readonly<Record<string, string>> }>;
}
