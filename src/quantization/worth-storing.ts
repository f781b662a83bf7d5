import { elementCount, type Tensor } from '../onnx/ir/tensor.js';

/** Below this many elements the two nodes that restore a weight take as many bytes as they save. */
const LEAST_ELEMENTS = 512;

/** Whether a constant of these dimensions is smaller in fewer bits, with the nodes that restore it. */
export const isWorthStoring = ({ dims }: Pick<Tensor, 'dims'>): boolean => elementCount(dims) >= LEAST_ELEMENTS;
