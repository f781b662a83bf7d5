import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** While a process is being killed and started again nobody listens: ask again this soon. */
const RETRY_MS = 50;
const PATIENCE_MS = 60_000;

export interface JobView {
  readonly id: string;
  readonly status: string;
  readonly done: boolean;
  readonly error: { readonly code: string } | null;
  readonly steps: readonly { readonly attempt: number; readonly status: string }[];
}
export interface EventView {
  readonly id: number;
  readonly type: string;
}
export interface ArtifactView {
  readonly role: string;
  readonly sha256: string;
  readonly urls: { readonly content: string };
}

/** A caller as it should be: it asks again when nobody answers or the answer is 503, and names each POST by a key. */
export class HttpClient {
  constructor(private readonly base: string) {}

  async upload(bytes: Uint8Array): Promise<string> {
    const headers = { 'content-type': 'application/octet-stream' };
    const answer = await this.#ask('/v1/models', { method: 'POST', headers, body: bytes });
    return ((await answer.json()) as { id: string }).id;
  }

  /** Submits a job; resolves when the service has accepted it. */
  async submit(spec: object): Promise<string> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
    const answer = await this.#ask('/v1/jobs', { method: 'POST', headers, body: JSON.stringify(spec) });
    return ((await answer.json()) as { id: string }).id;
  }

  async cancel(job: string): Promise<void> {
    await this.#ask(`/v1/jobs/${job}/cancel`, { method: 'POST' });
  }

  async job(id: string): Promise<JobView> {
    return (await this.#ask(`/v1/jobs/${id}`)).json() as Promise<JobView>;
  }

  async events(id: string): Promise<EventView[]> {
    const all: EventView[] = [];
    for (let after = ''; ; ) {
      const answer = await this.#ask(`/v1/jobs/${id}/events?limit=100${after}`);
      const page = (await answer.json()) as { data: EventView[]; has_more: boolean; next_cursor: string };
      all.push(...page.data);
      if (!page.has_more) return all;
      after = `&after=${page.next_cursor}`;
    }
  }

  async artifacts(id: string): Promise<ArtifactView[]> {
    const page = (await (await this.#ask(`/v1/jobs/${id}/artifacts?limit=100`)).json()) as { data: ArtifactView[] };
    return page.data;
  }

  async content(path: string): Promise<Buffer> {
    return Buffer.from(await (await this.#ask(path)).arrayBuffer());
  }

  /** Resolves when the service answers. */
  async ready(): Promise<void> {
    await this.#ask('/readyz');
  }

  async #ask(path: string, init?: RequestInit): Promise<Response> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const answer = await fetch(this.base + path, init).catch((error: Error) => error);
      if (answer instanceof Response && answer.ok) return answer;
      const passing = answer instanceof Error || answer.status === 503 || answer.status === 409;
      const told = answer instanceof Error ? answer.message : `${answer.status} ${await answer.text()}`;
      if (!passing || Date.now() > deadline) throw new Error(`${path}: ${told}`);
      await sleep(RETRY_MS);
    }
  }
}
