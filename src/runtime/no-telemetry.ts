/**
 * ONNX Runtime's Linux build reports usage to its makers and leaves files of that in the working folder, unless this is set before
 * its library is loaded. Models and their use are the callers' own affair: imported first by whatever loads ONNX Runtime.
 */
process.env.ORT_DISABLE_TELEMETRY = '1';
