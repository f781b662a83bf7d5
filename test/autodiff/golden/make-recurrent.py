"""Writes recurrent.json: gradients of sum(seed * Y) by PyTorch's LSTM, GRU and RNN, operands and gradients in ONNX's layout."""
import json
import os

import torch

torch.manual_seed(0)
MOMENTS, BATCH, INPUTS, UNITS = 4, 2, 3, 5
# Which of PyTorch's gates stands where ONNX wants one: LSTM i f g o -> i o f c; GRU r z n -> z r h.
GATES = {"LSTM": (torch.nn.LSTM, [0, 3, 1, 2]), "GRU": (torch.nn.GRU, [1, 0, 2]), "RNN": (torch.nn.RNN, [0])}


def stored(tensor):
    return {"dims": list(tensor.shape), "values": [float(f"{v:.8g}") for v in tensor.flatten().tolist()]}


def ordered(values, order):
    return torch.cat([values.chunk(len(order))[i] for i in order])


def case(operator, bidirectional):
    kind, order = GATES[operator]
    net = kind(INPUTS, UNITS, bidirectional=bidirectional)
    directions = 2 if bidirectional else 1
    x = torch.randn(MOMENTS, BATCH, INPUTS, requires_grad=True)
    states = [torch.randn(directions, BATCH, UNITS, requires_grad=True) for _ in range(2 if operator == "LSTM" else 1)]
    y, _ = net(x, tuple(states) if operator == "LSTM" else states[0])
    y = y.reshape(MOMENTS, BATCH, directions, UNITS).permute(0, 2, 1, 3)
    seed = torch.randn(y.shape)
    (seed * y).sum().backward()
    suffixes = ["_l0", "_l0_reverse"][:directions]

    def weights(gradient):
        take = lambda name: getattr(net, name).grad if gradient else getattr(net, name).detach()
        stack = lambda name: torch.stack([ordered(take(name + s), order) for s in suffixes])
        return {"W": stack("weight_ih"), "R": stack("weight_hh"), "B": torch.cat([stack("bias_ih"), stack("bias_hh")], 1)}

    named = {"X": x, **dict(zip("hc", states))}
    return {
        "operator": operator,
        "direction": "bidirectional" if bidirectional else "forward",
        "inputs": {k: stored(v.detach()) for k, v in {**named, **weights(False)}.items()},
        "seed": stored(seed),
        "gradients": {k: stored(v) for k, v in {**{n: v.grad for n, v in named.items()}, **weights(True)}.items()},
    }


cases = [case(operator, both) for operator in GATES for both in (False, True)]
path = os.path.join(os.path.dirname(__file__), "recurrent.json")
with open(path, "w") as file:
    json.dump({"source": f"PyTorch {torch.__version__}", "cases": cases}, file, separators=(",", ":"))
