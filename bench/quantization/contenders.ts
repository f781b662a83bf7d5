import type { z } from 'zod';
import type { QuantizeStep } from '../../src/contracts/quantize-step.js';
import type { BenchCase } from './cases.js';

/** A way to make a smaller model of a case's. `name` is also its folder. */
export type Contender = { readonly name: string; readonly subset: number } & (
  | { readonly kind: 'ours'; readonly step: z.input<typeof QuantizeStep>; readonly planOf: string | null }
  | { readonly kind: 'ort' | 'nncf'; readonly config: string }
);

/** ONNX Runtime's Python tool as it is, dynamic as it is, and what an expert would try. */
const ORT_CONFIGS = ['default', 'dynamic', 'u8s8', 'u8s8_percentile', 'u8s8_core', 'u8s8_conv', 'dynamic_pc'];
const NNCF_CONFIGS = ['default', 'mixed'];

/** Seconds that a search may take here. */
const BUDGET_SECONDS = 60;

/** Our default schemes and our search, then the peers. On further calibration subsets, what the search chose is calibrated anew. */
export function contenders({ subsets, pinShapes }: BenchCase): Contender[] {
  const auto = { type: 'quantize', scheme: 'auto', budget_seconds: BUDGET_SECONDS } as const;
  const ours = (name: string, step: z.input<typeof QuantizeStep>): Contender => ({
    ...{ name, kind: 'ours', subset: 0, step, planOf: null },
  });
  return [
    ours('optimized', { type: 'quantize', scheme: 'optimized' }),
    ours('int8_static', { type: 'quantize', scheme: 'int8_static' }),
    ours('int8_dynamic', { type: 'quantize', scheme: 'int8_dynamic' }),
    ours('auto', { ...auto, ...(pinShapes && { pin_shapes: true }) }),
    ...subsets.slice(1).map((_, index): Contender => {
      const subset = index + 1;
      return { name: `auto-subset-${subset + 1}`, kind: 'ours', subset, step: auto, planOf: 'auto' };
    }),
    ...ORT_CONFIGS.map((config): Contender => ({ name: `ort-${config}`, kind: 'ort', subset: 0, config })),
    ...NNCF_CONFIGS.map((config): Contender => ({ name: `nncf-${config}`, kind: 'nncf', subset: 0, config })),
  ];
}
