import { z } from 'zod';
import { Estimate } from '../contracts/estimate.js';
import { NodeReport, RequirementVerdict } from '../contracts/report.js';
import { Recipe } from '../contracts/search-plan.js';
import { canonicalHash } from '../platform/canonical-json.js';
import type { Candidate } from './candidate.js';

/** How far a search has come. */
export interface SearchState {
  /** Rungs that are done. */
  readonly rungs: number;
  readonly seconds: number;
  /** Seconds of the rung that took the longest. */
  readonly longest: number;
  readonly candidates: readonly Candidate[];
}

/** Where a search keeps what it has found, for an attempt that follows when this one is killed. */
export interface SearchMemory {
  load(): Promise<SearchState | null>;
  save(state: SearchState): Promise<void>;
}

/** Bytes that outlive the process, by name. */
export interface MemoryStore {
  load(name: string): Promise<Uint8Array | null>;
  save(name: string, bytes: Uint8Array): Promise<void>;
}

const NAME = 'search';

const StoredCandidate = z.object({
  recipe: Recipe,
  /** Without the files: the recipe gives them again. */
  made: z.object({ sha256: z.string(), bytes: z.int(), nodes: z.array(NodeReport) }).nullable(),
  measured: z
    .object({
      metricName: z.string(),
      metric: z.number(),
      drop: Estimate,
      noise: z.number(),
      speedup: Estimate,
      requirements: z.array(RequirementVerdict),
    })
    .nullable(),
  refused: z.string().nullable(),
  satisfiesRequirements: z.boolean(),
});
const Stored = z.object({
  /** Names what is searched for, on what; a memory of anything else is not taken. */
  search: z.string(),
  rungs: z.int(),
  seconds: z.number(),
  longest: z.number(),
  candidates: z.array(StoredCandidate),
});

/** The memory of the search that `identity` names: whatever decides its ladder and its numbers. */
export function searchMemory(store: MemoryStore, identity: unknown): SearchMemory {
  const search = canonicalHash(identity);
  return {
    async load() {
      const bytes = await store.load(NAME);
      if (bytes === null) return null;
      const { success, data } = Stored.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8')));
      if (!success || data.search !== search) return null;
      const candidates = data.candidates.map((one) => ({ ...one, made: one.made && { ...one.made, files: null } }));
      return { ...data, candidates };
    },
    async save({ candidates, ...state }) {
      const plain = candidates.map(({ made, ...one }) => {
        if (!made) return { ...one, made };
        const { files, ...rest } = made;
        return { ...one, made: rest };
      });
      await store.save(NAME, Buffer.from(JSON.stringify({ ...state, search, candidates: plain })));
    },
  };
}
