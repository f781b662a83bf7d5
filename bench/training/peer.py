"""The peer of bench:training: the same four networks in PyTorch, eager, trained step by step on request. `peer.py THREADS` reads one JSON
command a line: {"network", "file"} takes a network's initial weights (p000, p001, … in the order of its parameters; matrices of linear layers
of the transformer as [in, out]) and batches (x, labels) from an npz file; {"steps"} trains so many steps and answers their times and losses."""
import json
import sys
import time

import numpy
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[1]))


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 800), nn.ReLU(), nn.Linear(800, 800), nn.ReLU(), nn.Linear(800, 10))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10))


def separable(i, o, stride):
    return nn.Sequential(
        nn.Conv2d(i, i, 3, stride, 1, groups=i, bias=False), nn.BatchNorm2d(i), nn.ReLU(),
        nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())


def depthwise():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), separable(16, 32, 2), separable(32, 64, 1),
        separable(64, 64, 2), separable(64, 128, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.n1, self.qkv, self.o = nn.LayerNorm(d), nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.n2, self.a, self.b = nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(self.n1(x)).reshape(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        attention = torch.softmax(q @ k.transpose(-1, -2) * (d // self.heads) ** -0.5, -1)
        x = x + self.o((attention @ v).transpose(1, 2).reshape(n, t, d))
        return x + self.b(F.gelu(self.a(self.n2(x))))


class Transformer(nn.Module):
    def __init__(self, d=128):
        super().__init__()
        self.embed = nn.Linear(16, d)
        self.place = nn.ParameterList([nn.Parameter(torch.zeros(1, 49, d))])
        self.blocks, self.norm, self.head = nn.Sequential(Block(d, 4), Block(d, 4)), nn.LayerNorm(d), nn.Linear(d, 10)

    def forward(self, x):
        x = x.reshape(-1, 7, 4, 7, 4).permute(0, 1, 3, 2, 4).reshape(-1, 49, 16)
        return self.head(self.norm(self.blocks(self.embed(x) + self.place[0])).mean(1))


NETWORKS = {"mlp": mlp, "cnn": cnn, "depthwise": depthwise, "transformer": Transformer}


def prepare(name, file):
    model, arrays = NETWORKS[name](), numpy.load(file)
    for i, parameter in enumerate(model.parameters()):
        value = torch.from_numpy(arrays[f"p{i:03}"])
        with torch.no_grad():
            parameter.copy_(value if value.shape == parameter.shape and not transposed(name, i, parameter) else value.T)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return model, optimizer, torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["labels"])


def transposed(name, i, parameter):
    """Square matrices do not say by their shape which way they lie; the last linear layer, and those of the other networks, are [out, in]."""
    return name == "transformer" and parameter.dim() == 2 and parameter.shape[0] == parameter.shape[1]


done = 0
for line in sys.stdin:
    command = json.loads(line)
    if "network" in command:
        model, optimizer, x, labels = prepare(command["network"], command["file"])
        done = 0
        print(json.dumps({"parameters": sum(p.numel() for p in model.parameters()), "torch": torch.__version__}), flush=True)
        continue
    times, processor, losses = [], [], []
    for _ in range(command["steps"]):
        at = done % len(x)
        start, spent = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[at]), labels[at])
        loss.backward()
        optimizer.step()
        times.append((time.perf_counter() - start) * 1e3)
        processor.append((time.process_time() - spent) * 1e3)
        losses.append(loss.item())
        done += 1
    print(json.dumps({"times": times, "processor": processor, "losses": losses}), flush=True)
