import type { CouplingTable } from '../coupling.js';
import { axisRules } from './axes.js';
import { elementwiseRules } from './elementwise.js';
import { linearRules } from './linear.js';
import { normalizationRules } from './normalization.js';
import { pieceRules } from './pieces.js';
import { shapeRules } from './shape.js';
import { spatialRules } from './spatial.js';

/** Every operator of the standard domain through which channels are followed. */
export const COUPLING_RULES: CouplingTable = {
  ...elementwiseRules,
  ...linearRules,
  ...normalizationRules,
  ...spatialRules,
  ...axisRules,
  ...pieceRules,
  ...shapeRules,
};
