import { answerParent } from '../../platform/isolated.js';
import { scanDataset } from './scan-dataset.js';

/** An abort ends the thread; nothing else has to be told. */
const NEVER = new AbortController().signal;

await answerParent((input: { readonly path: string }) => scanDataset(input.path, NEVER));
