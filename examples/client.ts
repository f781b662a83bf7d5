import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import type { Dataset, DatasetManifest } from '../src/contracts/dataset.js';
import type { Artifact, Job } from '../src/contracts/job.js';
import type { Model } from '../src/contracts/model.js';
import type { Problem } from '../src/contracts/problem.js';
import type { Report } from '../src/contracts/report.js';
import type { TemplateModel } from '../src/contracts/template-model.js';

/** Too many requests, and a part of the service that is away or busy: both pass. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 503]);
const MOST_TRIES = 20;

/** A caller of the HTTP contract, as a platform would write it: fetch and nothing else. */
export class Client {
  constructor(
    private readonly base: string,
    private readonly key?: string,
  ) {}

  async uploadModel(path: string, name: string): Promise<Model> {
    return this.#json(
      await this.#call(`/v1/models?name=${encodeURIComponent(name)}`, {
        method: 'POST',
        body: await readFile(path),
        headers: { 'content-type': 'application/octet-stream' },
      }),
    );
  }

  /** An untrained network, to be trained on labels. */
  async templateModel(spec: z.input<typeof TemplateModel>): Promise<Model> {
    return this.#json(await this.#post('/v1/models/templates', spec));
  }

  async uploadDataset(path: string, name: string, manifest: z.input<typeof DatasetManifest>): Promise<Dataset> {
    const form = new FormData();
    form.append('manifest', JSON.stringify(manifest));
    form.append('data', new Blob([await readFile(path)]), name);
    return this.#json(
      await this.#call(`/v1/datasets?name=${encodeURIComponent(name)}`, { method: 'POST', body: form }),
    );
  }

  /** @param key equal keys name the same job: a caller that died finds it again */
  async createJob(spec: object, key: string = randomUUID()): Promise<Job> {
    return this.#json(await this.#post('/v1/jobs', spec, { 'idempotency-key': key }));
  }

  async job(id: string): Promise<Job> {
    return this.#json(await this.#call(`/v1/jobs/${id}`));
  }

  async cancel(id: string): Promise<Job> {
    return this.#json(await this.#call(`/v1/jobs/${id}/cancel`, { method: 'POST' }));
  }

  /** Polls until the job is done, telling `onProgress` what it is doing. */
  async waitFor(id: string, onProgress: (job: Job) => void): Promise<Job> {
    const POLL_MS = 500;
    for (;;) {
      const job = await this.job(id);
      onProgress(job);
      if (job.done) return job;
      await sleep(POLL_MS);
    }
  }

  async report(id: string): Promise<Report> {
    return this.#json(await this.#call(`/v1/jobs/${id}/report`, { headers: { accept: 'application/json' } }));
  }

  async artifacts(id: string): Promise<Artifact[]> {
    const page: { data: Artifact[] } = await this.#json(await this.#call(`/v1/jobs/${id}/artifacts`));
    return page.data;
  }

  async download(artifact: Artifact): Promise<Uint8Array> {
    return new Uint8Array(await (await this.#call(artifact.urls.content)).arrayBuffer());
  }

  #post(path: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return this.#call(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
  }

  async #call(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.key) headers.set('authorization', `Bearer ${this.key}`);
    // Uploads of equal content are one object, and a job is named by a key: a request that was not answered is safe to repeat.
    let response = await fetch(new URL(path, this.base), { ...init, headers });
    for (let tries = 1; RETRYABLE.has(response.status) && tries < MOST_TRIES; tries++) {
      await sleep(1000 * Number(response.headers.get('retry-after') ?? 1));
      response = await fetch(new URL(path, this.base), { ...init, headers });
    }
    if (response.ok) return response;
    const problem = (await response.json()) as Problem;
    throw new Error(
      `${problem.code}: ${problem.detail}${problem.errors.map((error) => `\n  ${error.pointer}: ${error.message}`).join('')}`,
    );
  }

  async #json<Body>(response: Response): Promise<Body> {
    return (await response.json()) as Body;
  }
}
