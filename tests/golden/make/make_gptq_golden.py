#!/usr/bin/env python3
"""Losses of error feedback in f64, written down as plainly as it can be: tests/golden/gptq/losses.json.

    python3 tests/golden/make/make_gptq_golden.py

One column after the other, with the inverse of the whole factor, no blocks, on a grid whose scale is the largest magnitude of its group over the
largest code. The refinement goes through the columns as they are stored; d moves all scales of a row by one factor. tests/unit/quantizer/gptq_test.cpp makes the same weights and inputs and must come to the same losses. Needs numpy."""
import json
import pathlib

import numpy as np

ROWS, COLS, TOKENS, DAMPING = 16, 96, 160, 0.01


def number(a, b):
    """A number in -0.5..0.5 that looks random; exact in f64."""
    x = (a * 7919 + b * 104729 + 12345) & 0xFFFFFFFF
    for _ in range(3):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        x ^= x >> 15
    return (x >> 8) / 2.0**24 - 0.5


def make_inputs():
    """Neighbours are alike, and some columns are much larger than others."""
    x = np.zeros((TOKENS, COLS))
    for t in range(TOKENS):
        for k in range(COLS):
            x[t, k] = number(t, k) + (0.75 * x[t, k - 1] if k > 0 else 0.0)
    return (x * (1 + np.arange(COLS) % 7)).astype(np.float32)


def make_weights():
    return np.array([[number(1000 + r, k) for k in range(COLS)] for r in range(ROWS)], dtype=np.float32)


def scale_of(x, most):
    return float(np.float32(np.abs(np.float32(x)).max()) / np.float32(most))


def nearest(x, scale, most):
    return scale * float(np.clip(np.rint(x / scale), -most, most))


def loss(weights, inputs, bits, group, order, scales, refine):
    gram = (inputs.T @ inputs).astype(np.float32).astype(np.float64)
    h = gram / np.diag(gram).mean()
    h += DAMPING * np.eye(COLS)
    perm = np.arange(COLS)
    if order == "activation":
        perm = np.argsort(-np.diag(gram), kind="stable")
    hp = h[np.ix_(perm, perm)]
    r = np.linalg.cholesky(hp[::-1, ::-1])[::-1, ::-1]
    u = np.linalg.inv(r)
    most = 2 ** (bits - 1) - 1
    static = scales == "static" or order != "natural"
    total = 0.0
    for row in weights.astype(np.float64):
        x, q = row.copy(), np.zeros(COLS)
        scale = {}
        if static:
            scale = {g: scale_of(row[g : g + group], most) for g in range(0, COLS, group)}
        for p, j in enumerate(perm):
            if j % group == 0 and not static:
                scale[j] = scale_of(x[j : j + group], most)
            q[j] = nearest(x[j], scale[j // group * group], most)
            e = (x[j] - q[j]) * r[p, p]
            x[perm[p:]] -= e * u[p, p:]
        for step in refine:
            if step == "c":
                for j in range(COLS):
                    g = h[j] @ (q - row)
                    q[j] = nearest(q[j] - g / h[j, j], scale[j // group * group], most)
            for first in range(0, COLS, group) if step == "s" else ():
                codes = np.zeros(COLS)
                codes[first : first + group] = np.rint(q[first : first + group] / scale[first])
                if codes.any():
                    scale[first] -= codes @ h @ (q - row) / (codes @ h @ codes)
                q[first : first + group] = codes[first : first + group] * scale[first]
            if step == "d":
                factor = 1 - q @ h @ (q - row) / (q @ h @ q)
                q *= factor
                scale = {first: factor * value for first, value in scale.items()}
        d = row - q
        total += d @ h @ d
    return total


def main():
    weights, inputs = make_weights(), make_inputs()
    cases = []
    for bits in (2, 3, 4, 5, 6, 8):
        for group in (16, 20, 32, 36, COLS):  # 20, 36: steps that end inside a panel of columns, and a short last group
            for order, scales, refine in (("natural", "dynamic", ""), ("natural", "dynamic", "cc"),
                                          ("natural", "static", ""), ("activation", "static", ""),
                                          ("activation", "static", "c"), ("natural", "dynamic", "csc"),
                                          ("natural", "dynamic", "cscdc"), ("activation", "static", "sdc")):
                cases.append({"bits": bits, "group": group, "order": order, "scales": scales, "refine": refine or "0",
                              "loss": loss(weights, inputs.astype(np.float64), bits, group, order, scales, refine)})
    out = pathlib.Path(__file__).resolve().parents[1] / "gptq" / "losses.json"
    out.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
