import type { GradientCase } from '../check-gradient.js';
import { activationCases } from './activation.js';
import { arithmeticCases } from './arithmetic.js';
import { convolutionCases } from './convolution.js';
import { matmulCases } from './matmul.js';
import { normalizationCases } from './normalization.js';
import { poolingCases } from './pooling.js';
import { recurrentCases } from './recurrent.js';
import { reductionCases } from './reduction.js';
import { shapeCases } from './shape.js';

/** What is compared with finite differences: each operator, each of its attributes and optional inputs. */
export const GRADIENT_CASES: readonly GradientCase[] = [
  ...activationCases,
  ...arithmeticCases,
  ...matmulCases,
  ...convolutionCases,
  ...poolingCases,
  ...normalizationCases,
  ...recurrentCases,
  ...reductionCases,
  ...shapeCases,
];
