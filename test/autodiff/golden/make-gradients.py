"""Writes gradients.json: gradients of sum(seed * y) by PyTorch in float64, beside the same function as ONNX nodes."""
import json
import os

import torch
import torch.nn.functional as F

torch.manual_seed(0)
X = (2, 3, 4)
cases = []


def stored(tensor):
    return {"dims": list(tensor.shape), "values": [float(f"{v:.8g}") for v in tensor.flatten().tolist()]}


def integers(*values):
    return torch.tensor(values)


def drawn(dims, low=-2.0, high=2.0):
    return (torch.rand(dims, dtype=torch.float64) * (high - low) + low).round(decimals=3).requires_grad_()


def case(operator, function, *variables, attributes={}, constants={}, inputs=None, opset=18, nodes=None):
    """One operator of some drawn operands a, b, c, then constants, or `nodes` that end in y."""
    named = dict(zip("abc", variables))
    y = function(*variables)
    seed = torch.randn(y.shape, dtype=torch.float64).round(decimals=3)
    (seed * y).sum().backward()
    cases.append({
        "operator": operator,
        "opset": opset,
        "nodes": nodes or [[operator, inputs or [*named, *constants], attributes]],
        "constants": {k: {"dtype": str(v.dtype).split(".")[1], **stored(v)} for k, v in constants.items()},
        "inputs": {k: stored(v.detach()) for k, v in named.items()},
        "seed": stored(seed),
        "gradients": {k: stored(v.grad) for k, v in named.items()},
    })


def fl(value):
    return {"float": value}


# Functions of one operand, over all of its numbers.
for operator, function, attributes in [
    ("Relu", F.relu, {}),
    ("LeakyRelu", lambda x: F.leaky_relu(x, 0.3), {"alpha": fl(0.3)}),
    ("Sigmoid", torch.sigmoid, {}),
    ("Tanh", torch.tanh, {}),
    ("Exp", torch.exp, {}),
    ("Neg", torch.neg, {}),
    ("Abs", torch.abs, {}),
    ("Sin", torch.sin, {}),
    ("Cos", torch.cos, {}),
    ("Erf", torch.erf, {}),
    ("Softplus", F.softplus, {}),
    ("Softsign", F.softsign, {}),
    ("Elu", lambda x: F.elu(x, 0.7), {"alpha": fl(0.7)}),
    ("Celu", lambda x: F.celu(x, 1.5), {"alpha": fl(1.5)}),
    ("ThresholdedRelu", lambda x: F.threshold(x, 0.5, 0.0), {"alpha": fl(0.5)}),
    ("Selu", F.selu, {}),
    ("Mish", F.mish, {}),
    ("HardSwish", F.hardswish, {}),
    ("HardSigmoid", F.hardsigmoid, {"alpha": fl(1 / 6), "beta": fl(0.5)}),
    ("Identity", lambda x: x * 1, {}),
    ("Dropout", lambda x: F.dropout(x, 0.5, training=False), {}),
    ("Flatten", lambda x: x.flatten(0, 1), {"axis": 2}),
    ("Transpose", lambda x: x.permute(2, 0, 1), {"perm": [2, 0, 1]}),
    ("Softmax", lambda x: x.softmax(-1), {"axis": -1}),
    ("LogSoftmax", lambda x: x.log_softmax(1), {"axis": 1}),
    ("LpNormalization", lambda x: F.normalize(x, dim=1, eps=0), {"axis": 1}),
]:
    case(operator, function, drawn(X), attributes=attributes)
for operator, function in [("Log", torch.log), ("Sqrt", torch.sqrt), ("Reciprocal", torch.reciprocal)]:
    case(operator, function, drawn(X, 0.2, 3))
case("Gelu", F.gelu, drawn(X), opset=20)
case("Gelu", lambda x: F.gelu(x, approximate="tanh"), drawn(X), attributes={"approximate": "tanh"}, opset=20)
# As exporters to operator sets before 20 write it.
case("Erf", F.gelu, drawn(X), constants={"root": torch.tensor(2**0.5), "one": torch.tensor(1.0), "half": torch.tensor(0.5)}, nodes=[
    ["Div", ["a", "root"], {}, ["scaled"]], ["Erf", ["scaled"], {}, ["erf"]], ["Add", ["erf", "one"], {}, ["sum"]],
    ["Mul", ["a", "sum"], {}, ["twice"]], ["Mul", ["twice", "half"], {}]])
case("Clip", lambda x: x.clamp(-0.5, 1), drawn(X), constants={"low": torch.tensor(-0.5), "high": torch.tensor(1.0)})
case("PRelu", lambda x, s: torch.where(x > 0, x, s * x), drawn(X), drawn((3, 1)))

# Operands that broadcast.
for operator, function in [("Add", torch.add), ("Sub", torch.sub), ("Mul", torch.mul), ("Min", torch.minimum), ("Max", torch.maximum)]:
    case(operator, function, drawn(X), drawn((3, 1)))
case("Div", torch.div, drawn((3, 1)), drawn(X, 0.5, 2))
case("Pow", torch.pow, drawn(X, 0.3, 2), drawn((4,)))
case("Sum", lambda a, b, c: a + b + c, drawn((4,)), drawn(X), drawn((3, 1)))
case("Mean", lambda a, b, c: (a + b + c) / 3, drawn((4,)), drawn(X), drawn((3, 1)))
chosen = torch.tensor([[True], [False], [True]])
case("Where", lambda a, b: torch.where(chosen, a, b), drawn(X), drawn((4,)), constants={"chosen": chosen}, inputs=["chosen", "a", "b"])

# Matrices and convolutions.
case("MatMul", torch.matmul, drawn((2, 3, 4)), drawn((4, 5)))
case("MatMul", torch.matmul, drawn((2, 1, 3, 4)), drawn((3, 4, 2)))
case("Gemm", lambda a, b, c: 0.5 * a @ b.T + 2 * c, drawn((3, 4)), drawn((5, 4)), drawn((5,)),
     attributes={"transB": 1, "alpha": fl(0.5), "beta": fl(2.0)})
pads = [1, 1, 1, 1]
case("Conv", lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1), drawn((2, 2, 5, 5)), drawn((3, 2, 3, 3)), drawn((3,)),
     attributes={"strides": [2, 2], "pads": pads})
case("Conv", lambda x, w, b: F.conv2d(x, w, b, padding=2, dilation=2, groups=2), drawn((1, 4, 6, 6)), drawn((4, 2, 3, 3)), drawn((4,)),
     attributes={"pads": [2, 2, 2, 2], "dilations": [2, 2], "group": 2})
case("Conv", lambda x, w: F.conv2d(x, w, stride=2, padding=1, groups=3), drawn((2, 3, 6, 6)), drawn((3, 1, 3, 3)),
     attributes={"strides": [2, 2], "pads": pads, "group": 3})
case("Conv", lambda x, w, b: F.conv1d(x, w, b, padding=1), drawn((2, 9, 7)), drawn((4, 9, 3)), drawn((4,)), attributes={"pads": [1, 1]})
case("ConvTranspose", lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1, output_padding=1), drawn((1, 3, 4, 4)), drawn((3, 2, 3, 3)),
     attributes={"strides": [2, 2], "pads": pads, "output_padding": [1, 1]})
case("MaxPool", lambda x: F.max_pool2d(x, 3, 2, 1), drawn((2, 2, 6, 6)), attributes={"kernel_shape": [3, 3], "strides": [2, 2], "pads": pads})
case("MaxPool", lambda x: F.max_pool2d(x, 2), drawn((2, 2, 6, 6)), attributes={"kernel_shape": [2, 2], "strides": [2, 2]})
case("AveragePool", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), drawn((2, 2, 6, 6)),
     attributes={"kernel_shape": [3, 3], "strides": [2, 2], "pads": pads})

# Normalizations.
case("LayerNormalization", lambda x, w, b: F.layer_norm(x, (4,), w, b), drawn(X), drawn((4,)), drawn((4,)), attributes={"axis": -1})
case("InstanceNormalization", lambda x, w, b: F.instance_norm(x, weight=w, bias=b), drawn((2, 3, 4, 4)), drawn((3,)), drawn((3,)))
for momentum in (0.9, 0.0):
    case("BatchNormalization", lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), drawn((4, 3, 3, 2)), drawn((3,)), drawn((3,)),
         constants={"mean": torch.zeros(3), "variance": torch.ones(3)},
         nodes=[["BatchNormalization", ["a", "b", "c", "mean", "variance"], {"training_mode": 1, "momentum": fl(momentum)}, ["y", "m", "v"]]])
case("BatchNormalization", lambda x, w, b: F.batch_norm(x, torch.zeros(3).double() + 0.3, torch.ones(3).double() * 2, w, b),
     drawn((4, 3, 3, 2)), drawn((3,)), drawn((3,)), constants={"mean": torch.zeros(3) + 0.3, "variance": torch.ones(3) * 2})

# Reductions, over one axis without keeping it and over all.
for operator, function in {
    "ReduceSum": torch.sum,
    "ReduceMean": torch.mean,
    "ReduceL1": lambda x, d: torch.linalg.vector_norm(x, 1, d),
    "ReduceL2": lambda x, d: torch.linalg.vector_norm(x, 2, d),
    "ReduceSumSquare": lambda x, d: x.square().sum(d),
    "ReduceLogSum": lambda x, d: x.sum(d).log(),
    "ReduceLogSumExp": torch.logsumexp,
    "ReduceMax": torch.amax,
    "ReduceMin": torch.amin,
}.items():
    case(operator, lambda x: function(x, (0, 2)), drawn(X, 0.1, 2), attributes={"keepdims": 0}, constants={"axes": integers(0, 2)})
    case(operator, lambda x: function(x, (0, 1, 2)).reshape(1, 1, 1), drawn(X, 0.1, 2))
case("ReduceProd", lambda x: x.prod(1), drawn(X), attributes={"keepdims": 0}, constants={"axes": integers(1)})
case("GlobalAveragePool", lambda x: F.adaptive_avg_pool2d(x, 1), drawn((2, 3, 4, 5)))
case("GlobalMaxPool", lambda x: F.adaptive_max_pool2d(x, 1), drawn((2, 3, 4, 5)))

# Elements that move.
case("Reshape", lambda x: x.reshape(4, 6), drawn(X), constants={"shape": integers(4, -1)})
case("Squeeze", lambda x: x.squeeze(1), drawn((2, 1, 3)), constants={"axes": integers(1)})
case("Unsqueeze", lambda x: x.unsqueeze(0).unsqueeze(3), drawn((2, 3)), constants={"axes": integers(0, 3)})
case("Expand", lambda x: x.expand(2, 3, 4), drawn((3, 1)), constants={"shape": integers(2, 3, 4)})
case("Tile", lambda x: x.tile(2, 3), drawn((2, 3)), constants={"repeats": integers(2, 3)})
case("Concat", lambda a, b: torch.cat([a, b], 1), drawn((2, 3)), drawn((2, 1)), attributes={"axis": 1})
case("Split", lambda x: x.split([2, 3], 1)[0], drawn((2, 5)), attributes={"axis": 1}, constants={"sizes": integers(2, 3)},
     nodes=[["Split", ["a", "sizes"], {"axis": 1}, ["y", "rest"]]])
case("Slice", lambda x: x[1:4:2, -4:], drawn((5, 6)), constants={
    "starts": integers(1, -4), "ends": integers(4, 100), "axes": integers(0, 1), "steps": integers(2, 1)})
case("Pad", lambda x: F.pad(x, (0, 2, 1, 0)), drawn((2, 3)), constants={"pads": integers(1, 0, 0, 2)})
picked = torch.tensor([2, 0, 2])
case("Gather", lambda x: x[picked], drawn((3, 4)), constants={"picked": picked})
case("CumSum", lambda x: x.cumsum(1), drawn((2, 4)), constants={"axis": torch.tensor(1)})
case("Resize", lambda x: F.interpolate(x, scale_factor=2, mode="nearest"), drawn((1, 2, 3, 2)), constants={"scales": torch.tensor([1.0, 1, 2, 2])},
     nodes=[["Resize", ["a", "", "scales"], {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}]])
rows = torch.tensor([[0, 2, 1], [2, 2, 0]])
case("GatherElements", lambda x: x.gather(1, rows), drawn((2, 4)), attributes={"axis": 1}, constants={"rows": rows})
case("DepthToSpace", lambda x: F.pixel_shuffle(x, 2), drawn((1, 8, 2, 3)), attributes={"blocksize": 2, "mode": "CRD"})
blocks = lambda x: F.pixel_unshuffle(x, 2).unflatten(1, (2, 4)).transpose(1, 2).flatten(1, 2)
case("SpaceToDepth", blocks, drawn((1, 2, 4, 6)), attributes={"blocksize": 2})

# Straight through rounding, and nothing where it clips.
quantized = lambda x: torch.fake_quantize_per_tensor_affine(x.float(), 0.01, 100, 0, 255).double()
case("QuantizeLinear", quantized, drawn(X), constants={"scale": torch.tensor(0.01), "zero": torch.tensor(100, dtype=torch.uint8)},
     nodes=[["QuantizeLinear", ["a", "scale", "zero"], {}, ["q"]], ["DequantizeLinear", ["q", "scale", "zero"], {}]])

path = os.path.join(os.path.dirname(__file__), "gradients.json")
with open(path, "w") as file:
    json.dump({"source": f"PyTorch {torch.__version__}, float64", "cases": cases}, file, separators=(",", ":"))
