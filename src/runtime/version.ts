import { ort } from './ort.js';

/** The version of ONNX Runtime that runs the models, such as '1.30.0'. */
export const ONNXRUNTIME_VERSION: string = ort.env.versions.node ?? ort.env.versions.common;
