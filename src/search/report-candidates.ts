import type { CandidateReport } from '../contracts/report.js';
import type { Recipe } from '../contracts/search-plan.js';
import type { Candidate } from './candidate.js';
import { type Choice, isMeasured, type Measured } from './choose.js';
import { fasterThan, over, speedWords } from './speed.js';

/** What is left when nothing else will do. */
export const LAST_RESORT: Recipe = {
  step: null,
  variant: 'unchanged: the last resort',
  pin_shapes: false,
  float_nodes: [],
};

/** The original's own line, when it is the result. */
export const LAST_RESORT_ROW: CandidateReport = {
  ...{ scheme: 'original', variant: LAST_RESORT.variant, chosen: true, on_front: true, refused: null },
  ...{ bytes: null, metric: null, metric_drop: null, output_sqnr_db: null, speedup: null },
};

export const nameOf = ({ step, variant }: Recipe): string => `${step?.scheme ?? 'original'} (${variant})`;

/** Why a candidate is no use beside a better one. */
function beatenBy(better: Measured, candidate: Measured): string {
  const name = nameOf(better.recipe);
  return fasterThan(better, candidate)
    ? `no smaller or better than ${name}, and slower`
    : `as fast as ${name} within noise (${speedWords(over(candidate, better))}), no smaller and no better`;
}

/** The line of a report for each candidate, in the order in which they were tried. */
export function reportCandidates(
  candidates: readonly Candidate[],
  { chosen, front, dominatedBy }: Choice,
): CandidateReport[] {
  const rows = candidates.map((candidate): CandidateReport => {
    const { recipe, made, measured, refused } = candidate;
    const onFront = isMeasured(candidate) && front.includes(candidate);
    const better = isMeasured(candidate) ? dominatedBy.get(candidate) : undefined;
    const beaten = isMeasured(candidate) && better ? beatenBy(better, candidate) : null;
    return {
      scheme: recipe.step?.scheme ?? 'original',
      variant: recipe.variant,
      chosen: candidate === chosen,
      on_front: onFront,
      refused: beaten ?? refused,
      bytes: made?.bytes ?? null,
      metric: measured?.metric ?? null,
      metric_drop: measured && { value: measured.drop.value, ci95: [...measured.drop.ci95] },
      output_sqnr_db: measured && measured.noise > 0 ? -10 * Math.log10(measured.noise) : null,
      speedup: measured?.speedup.value ?? null,
      ...(measured && { speedup_ci95: [...measured.speedup.ci95] }),
    };
  });
  if (chosen) return rows;
  return [...rows, LAST_RESORT_ROW];
}
