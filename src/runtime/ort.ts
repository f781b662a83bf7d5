import './no-telemetry.js';
import * as ort from 'onnxruntime-node';

/** ONNX Runtime, the only import of it. */
export { ort };
