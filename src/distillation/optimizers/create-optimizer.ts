import type { OptimizerSpec } from '../../contracts/distill-step.js';
import { adamw } from './adamw.js';
import type { Decays, Optimizer, Parameters } from './optimizer.js';
import { sgd } from './sgd.js';

/** The optimizer that a spec describes, fresh. */
export function createOptimizer(spec: OptimizerSpec, weights: Parameters, decays: Decays): Optimizer {
  if (spec.kind === 'adamw') return adamw(weights, decays, spec.weight_decay);
  const { momentum, nesterov, weight_decay: weightDecay } = spec;
  return sgd(weights, decays, { momentum, nesterov, weightDecay });
}
