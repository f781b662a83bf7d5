import { answerParent } from '../../platform/isolated.js';
import { scanFile } from './scan-file.js';

await answerParent(scanFile);
