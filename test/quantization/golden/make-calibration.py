# Makes calibration.json with numpy, the independent reference for our range methods: python3 test/quantization/golden/make-calibration.py
# Numbers come from a generator that both sides compute exactly; see calibration-data.ts.
import json
import numpy as np

BINS, LEVELS = 2048, 256


def uniform(seed, count):
    state, out = seed, []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        out.append((state >> 8) / 2**24)
    return np.array(out)


def heavy(seed, count=20000):
    """Cubes of nearly normal numbers: most near zero, a few far out."""
    u = uniform(seed, 12 * count)
    g = np.zeros(count)
    for i in range(12):
        g = g + u[i::12]
    g = g - 6
    return (g * g * g * 0.25).astype('float32')


DATA = {
    'heavy': heavy(1),
    'relu': np.maximum(heavy(2) - np.float32(0.25), 0).astype('float32'),
    'skewed': np.where(heavy(3) < 0, heavy(3) * np.float32(0.125), heavy(3)).astype('float32'),
    'outlier': np.concatenate([heavy(4), np.array([160, -4], 'float32')]),
    'positive': (heavy(5) * np.float32(0.0625) + np.float32(5)).astype('float32'),
}


def parameters(low, high):
    low, high = min(np.float32(low), np.float32(0)), max(np.float32(high), np.float32(0))
    scale = float(np.float32(high) - np.float32(low)) / 255
    return float(np.float32(scale)), np.rint(-float(low) / scale)


def squared_error(x, low, high):
    scale, zero = parameters(low, high)
    q = np.clip(np.rint(x / scale) + zero, 0, 255)
    return float(((x - scale * (q - zero)) ** 2).sum())


def smooth(h):
    empty = h == 0
    return np.where(empty, 1e-4, h - 1e-4 * empty.sum() / max(1, (~empty).sum()))


def entropy(x):
    h, edges = np.histogram(x.astype('float64'), BINS, (float(x.min()), float(x.max())))
    h = h.astype('float64')
    width, largest, best = (edges[-1] - edges[0]) / BINS, max(abs(edges[0]), abs(edges[-1])), (np.inf, None)
    for k in range(256, 31, -1):
        t = largest * k / 256
        a, b = max(0, round((-t - edges[0]) / width)), min(BINS, round((t - edges[0]) / width))
        if b - a < 2: continue
        p = h[a:b].copy(); p[0] += h[:a].sum(); p[-1] += h[b:].sum()
        scale, zero = parameters(edges[a], edges[b])
        centres = edges[0] + (np.arange(a, b) + .5) * width
        level = np.clip(np.rint(centres / scale + zero), 0, 255).astype(int)
        full = h[a:b] > 0
        mass = np.bincount(level[full], h[a:b][full], LEVELS); n = np.bincount(level[full], minlength=LEVELS)
        q = np.where(full, mass[level] / np.maximum(1, n[level]), 0)
        p, q = smooth(p), smooth(q); p, q = p / p.sum(), q / q.sum()
        loss = float((p * np.log(p / q)).sum())
        if loss < best[0] - 1e-12: best = (loss, (float(edges[a]), float(edges[b])))
    return best[1]


def brute_force(x):
    low, high = min(0., float(x.min())), max(0., float(x.max()))
    return min(squared_error(x, low * i, high * j) for i in ([1.] if low == 0 else np.geomspace(1, 1 / 128, 40)) for j in np.geomspace(1, 1 / 128, 160))


json.dump({name: {
    'count': len(x), 'min': float(x.min()), 'max': float(x.max()),
    'percentiles': {str(p): [[float(np.quantile(x, share, method=m)) for m in ('lower', 'higher')] for share in ((100 - p) / 200, 1 - (100 - p) / 200)]
                    for p in (99, 99.9, 99.99)},
    'entropy': entropy(x), 'least_squared_error': brute_force(x), 'minmax_squared_error': squared_error(x, x.min(), x.max()),
} for name, x in DATA.items()}, open('test/quantization/golden/calibration.json', 'w'), indent=1)
