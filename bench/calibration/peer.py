"""Static quantization by ONNX Runtime's Python tool, in a process of its own: `peer.py JSON`, see bench/calibration.ts for its fields.

Prepared as the tool's documentation says (quant_pre_process), on operator set 13 and with weights taken out of Constant nodes, without which
it leaves some in FP32. One sample is given out at a time. The last line of the output is JSON: the peak of memory in bytes, and processor time.
"""
import json, logging, sys, time, warnings
warnings.filterwarnings('ignore'); logging.disable(logging.WARNING)
import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

task = json.loads(sys.argv[1])
METHODS = {'minmax': CalibrationMethod.MinMax, 'percentile': CalibrationMethod.Percentile, 'entropy': CalibrationMethod.Entropy}


class Samples(CalibrationDataReader):
    def __init__(self):
        raw = np.load(task['data'])[task['array']][:task['samples']]
        scale, offset = np.float32(task['scale']), np.float32(task['offset'])
        self.samples = ({task['input']: x[None].astype('float32') * scale + offset} for x in raw)

    def get_next(self):
        return next(self.samples, None)


prepared = task['output'] + '.prepared.onnx'
try:
    quant_pre_process(task['model'], prepared)
except Exception:
    quant_pre_process(task['model'], prepared, skip_symbolic_shape=True)
model = onnx.load(prepared)
if next(o.version for o in model.opset_import if o.domain in ('', 'ai.onnx')) < 13:
    model = onnx.version_converter.convert_version(model, 13)
for node in [n for n in model.graph.node if n.op_type == 'Constant' and n.attribute[0].name == 'value']:
    weight = node.attribute[0].t
    weight.name = node.output[0]
    model.graph.initializer.append(weight)
    model.graph.node.remove(node)
onnx.save(model, prepared)
quantize_static(prepared, task['output'], Samples(), per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                calibrate_method=METHODS[task['method']], op_types_to_quantize=task['operators'])
# Of this process alone: getrusage begins with the peak of the process that started it.
peak = next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM:'))
print(json.dumps({'peak_bytes': peak * 1024, 'processor_seconds': time.process_time()}))
