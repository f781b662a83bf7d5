import type { Requirements } from '../../src/contracts/job-spec.js';
import { QuantizeStep } from '../../src/contracts/quantize-step.js';
import type { NodeReport } from '../../src/contracts/report.js';
import type { Recipe } from '../../src/contracts/search-plan.js';
import type { Candidate, MadeModel, Measurements, Rung } from '../../src/search/candidate.js';
import { judge } from '../../src/search/judge.js';
import type { SearchMemory } from '../../src/search/search-memory.js';

export const NO_MEMORY: SearchMemory = { load: async () => null, save: async () => {} };

export const recipe = (
  variant: string,
  scheme: 'optimized' | 'int8_static' | 'int8_dynamic' = 'int8_static',
): Recipe => ({
  step: QuantizeStep.parse({ type: 'quantize', scheme }),
  variant,
  pin_shapes: false,
  float_nodes: [],
});

/** A recipe to try for its own sake. */
export const plain = (one: Recipe): Rung => ({ recipe: one, repairs: null, effort: 1 });

export const madeModel = (sha256: string, bytes: number, nodes: readonly NodeReport[] = []): MadeModel => ({
  files: { path: sha256, bytes, sha256, external: [] },
  sha256,
  bytes,
  nodes,
});

/** Numbers as they come from measuring; intervals of ± the given half widths. */
export const measurements = (
  speed: number,
  drop: number,
  { speedError = 0.02, dropError = 0.002, noise = 0.001, requirements = [] as Measurements['requirements'] } = {},
): Measurements => ({
  metricName: 'top1',
  metric: 0.9 - drop,
  drop: { value: drop, ci95: [drop - dropError, drop + dropError] },
  noise,
  speedup: { value: speed, ci95: [speed - speedError, speed + speedError] },
  requirements,
});

export function candidate(name: string, bytes: number, measured: Measurements, require?: Requirements): Candidate {
  return { recipe: recipe(name), made: madeModel(name, bytes), measured, ...judge(measured, require) };
}
