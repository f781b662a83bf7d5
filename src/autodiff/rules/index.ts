import type { RuleTable } from '../rule.js';
import { activationRules } from './activation.js';
import { arithmeticRules } from './arithmetic.js';
import { convolutionRules } from './convolution.js';
import { matmulRules } from './matmul.js';
import { normalizationRules } from './normalization.js';
import { poolingRules } from './pooling.js';
import { quantizationRules } from './quantization.js';
import { recurrentRules } from './recurrent.js';
import { reductionRules } from './reduction.js';
import { shapeRules } from './shape.js';

/** Every operator of the standard domain through which a gradient flows. */
export const GRADIENT_RULES: RuleTable = {
  ...arithmeticRules,
  ...activationRules,
  ...matmulRules,
  ...convolutionRules,
  ...poolingRules,
  ...normalizationRules,
  ...recurrentRules,
  ...reductionRules,
  ...shapeRules,
  ...quantizationRules,
};
