"""Writes hints.json: kd of the flattened value plus weight * MSE of its linear projection to the teacher's value, by PyTorch in float64."""
import json
import os

import torch
import torch.nn.functional as F

torch.manual_seed(0)
TEMPERATURE = 2.0


def stored(tensor):
    return {"dims": list(tensor.shape), "values": [float(f"{v:.8g}") for v in tensor.detach().flatten().tolist()]}


def drawn(*dims):
    return torch.randn(dims, dtype=torch.float64).round(decimals=3).requires_grad_()


# What the values are, their shapes, and the layer of PyTorch that maps one onto the other; its weight is the map, transposed.
KINDS = [
    ("pictures with other channels", (2, 3, 2, 4), (2, 5, 2, 4), lambda s, m, b: F.conv2d(s, m.T[:, :, None, None], b)),
    ("pictures of equal channels", (2, 3, 2, 2), (2, 3, 2, 2), lambda s, m, b: F.conv2d(s, m.T[:, :, None, None], b)),
    ("sequences with channels in front", (2, 3, 4), (2, 5, 4), lambda s, m, b: F.conv1d(s, m.T[:, :, None], b)),
    ("tokens of another width", (2, 4, 3), (2, 4, 5), lambda s, m, b: F.linear(s, m.T, b)),
    ("vectors", (3, 4), (3, 2), lambda s, m, b: F.linear(s, m.T, b)),
]


def case(what, own, wanted, project, weight):
    student, teacher, logits = drawn(*own), drawn(*wanted), drawn(own[0], torch.Size(own[1:]).numel())
    axis = next((i for i in range(1, len(own)) if own[i] != wanted[i]), 1)
    matrix, bias = drawn(own[axis], wanted[axis]), drawn(wanted[axis])
    tempered = lambda values: (values / TEMPERATURE)
    divergence = F.kl_div(
        F.log_softmax(tempered(student.flatten(1)), 1), F.log_softmax(tempered(logits.detach()), 1), log_target=True, reduction="batchmean"
    )
    loss = TEMPERATURE**2 * divergence + weight * F.mse_loss(project(student, matrix, bias), teacher.detach())
    loss.backward()
    values = {"student": student, "teacher": teacher, "logits": logits, "matrix": matrix, "bias": bias}
    return {
        "what": what,
        "weight": weight,
        **{name: stored(value) for name, value in values.items()},
        "value": loss.item(),
        "gradients": {name: stored(values[name].grad) for name in ("student", "matrix", "bias")},
    }


content = {
    "source": f"PyTorch {torch.__version__}, float64",
    "temperature": TEMPERATURE,
    "cases": [case(*kind, weight) for kind, weight in zip(KINDS, [0.7, 1, 3, 0.25, 10])],
}
with open(os.path.join(os.path.dirname(__file__), "hints.json"), "w") as file:
    json.dump(content, file, separators=(",", ":"))
