"""Writes half-quadratic.json: zero points and integers of HQQ (Badri and Shaji, 2023) in NumPy, after the published algorithm.

The scale is that of the extremes, float32; everything else is float64. The zero point is rounded at the end to whole numbers, as MatMulNBits
stores it, or to parts of a step that fill a byte. Run: python make-half-quadratic.py
"""
import json
from pathlib import Path

import numpy as np


def half_quadratic(w, bits, parts, p=0.7, beta=10.0, kappa=1.01, rounds=20):
    top = 2**bits - 1
    w32 = w.astype(np.float32)
    low, high = min(0.0, float(w32.min())), max(0.0, float(w32.max()))
    scale = float(np.float32(np.float32(high - low) / np.float32(top)))
    zero = float(np.clip(np.floor(-low / scale + 0.5), 0, top))
    best, least = zero, np.inf
    for _ in range(rounds):
        q = np.clip(np.floor(w32 / scale + zero + 0.5), 0, top)
        lost = w32 - scale * (q - zero)
        error = np.abs(lost).sum()
        if error >= least:
            break
        least, best = error, np.clip(np.floor(zero * parts + 0.5) / parts, 0, 2**bits - 1 / parts)
        size = np.abs(lost)
        outliers = np.sign(lost) * np.maximum(0, size - (size + 1e-8) ** (p - 1) / beta)
        zero = float(np.mean(q - (w32 - outliers) / scale))
        beta *= kappa
    q = np.clip(np.floor(w32 / scale + best + 0.5), 0, top)
    return {"scale": scale, "zero_point": float(best), "integers": [int(x) for x in q]}


random = np.random.default_rng(5)
cases = []
for bits in (2, 3, 4):
    for length in (16, 32):
        for spread in (0.05, 1.0, 8.0):
            # Multiples of 1/4096, so that no sum depends on its order; skewed, with outliers.
            w = np.round((random.standard_normal(length) ** 3 * spread + spread / 3) * 4096).astype(np.int64)
            for parts in (1, 2 ** (8 - bits)):
                found = half_quadratic(w / 4096, bits, parts)
                cases.append({"bits": bits, "parts": parts, "weights": w.tolist(), **found})
Path(__file__).with_name("half-quadratic.json").write_text(json.dumps({"cases": cases}) + "\n")
