import { env } from 'onnxruntime-node';

/** The version of ONNX Runtime that runs the models, such as '1.30.0'. */
export const ONNXRUNTIME_VERSION: string = env.versions.node ?? env.versions.common;
