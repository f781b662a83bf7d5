import { cloneModel } from '../ir/clone.js';
import type { Model } from '../ir/graph.js';
import { graphsOf } from '../ir/visit-graphs.js';
import { affineInBlockedLayout } from './affine-in-blocked-layout.js';
import type { CleanUpResult } from './clean-up.js';
import { deadCode } from './dead-code.js';
import { mergeConstants } from './merge-constants.js';
import { recordEqualSizes } from './record-equal-sizes.js';
import { residualSum } from './residual-sum.js';
import { tieTransposed } from './tied-constants.js';

/**
 * Rewrites that change no result but suit the float kernels of one kind of CPU. For last, after `cleanUp` and after quantization: what
 * they write is harder to read for both. The given model is not changed.
 * @param block channels per block, from `blockSize`
 */
export function tuneForCpu(model: Model, block: number): CleanUpResult {
  const tuned = cloneModel(model);
  const passes = [
    residualSum,
    affineInBlockedLayout(block),
    mergeConstants,
    deadCode,
    tieTransposed,
    recordEqualSizes,
  ].map((pass) => ({
    name: pass.name,
    changes: [...graphsOf(tuned.graph)].reduce((sum, graph) => sum + pass.run(graph), 0),
  }));
  return { model: tuned, passes: passes.filter(({ changes }) => changes > 0) };
}
