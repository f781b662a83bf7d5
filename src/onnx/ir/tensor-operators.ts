import type { Node } from './graph.js';

/** Operators of the standard domain whose outputs are sequences or optionals, which cannot be read out as tensors. */
const NOT_TENSORS = new Set([
  'Optional',
  'OptionalGetElement',
  'SequenceConstruct',
  'SequenceEmpty',
  'SequenceErase',
  'SequenceInsert',
  'SequenceMap',
  'SplitToSequence',
]);

/** Whether a node's outputs are tensors; operators that may give either count as not. */
export const makesTensors = ({ opType }: Node): boolean => !NOT_TENSORS.has(opType);
