#!/usr/bin/env python3
"""q4_0 ... q8_0 and the K types against ggml in the same process: our error is never above its encoder's, and it decodes our bytes to the same floats."""
import json
import struct

from arrays import np
from common import SMOL, WIDE, Checks, llama, model, run, scratch

TYPES = {SMOL: ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0"), WIDE: ("q2_k", "q3_k", "q4_k", "q5_k", "q6_k")}  # K types need columns in multiples of 256
TENSORS = ("model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight", "model.layers.7.self_attn.v_proj.weight",
           "model.layers.15.mlp.down_proj.weight", "model.layers.29.mlp.gate_proj.weight")
MAX_ROWS = 1536


def tensor(folder, name):
    """Rows of a bf16 tensor of a safetensors file as float32."""
    path = folder / "model.safetensors"
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        start = file.tell()
    info = header[name]
    raw = np.fromfile(path, "<u2", int(np.prod(info["shape"])), offset=start + info["data_offsets"][0])
    return (raw.astype(np.uint32) << 16).view(np.float32).reshape(info["shape"])[:MAX_ROWS]


def squared_error(w, decoded, importance):
    return float(((w.astype(np.float64) - decoded) ** 2 * importance).sum())


def main():
    checks, cpp, out = Checks(), llama(), scratch()
    importance_of = np.random.default_rng(1)
    for model_name, name in [(m, n) for m in TYPES for n in TENSORS]:
        folder = model(model_name)
        w = tensor(folder, name)
        importance = np.exp(importance_of.normal(size=w.shape[1])).astype(np.float32)
        (out / "importance.f32").write_bytes(importance.tobytes())
        for kind in TYPES[model_name]:
            for weights in (None, importance):
                extra = () if weights is None else ("--importance", out / "importance.f32")
                encoded = run("codec", "encode", kind, "--cols", w.shape[1], *extra, stdin=w.tobytes()).stdout
                ours = np.frombuffer(run("codec", "decode", kind, "--cols", w.shape[1], stdin=encoded).stdout, np.float32).reshape(w.shape)
                rows = np.frombuffer(encoded, np.uint8).reshape(w.shape[0], -1)
                same = np.array_equal(cpp.dequantize(kind, rows, w.shape[1]).view(np.uint32), ours.view(np.uint32))
                peer = cpp.dequantize(kind, cpp.quantize(kind, w, weights), w.shape[1])
                measure = np.ones(w.shape[1], np.float32) if weights is None else weights
                a, b = squared_error(w, ours, measure), squared_error(w, peer, measure)
                label = "plain" if weights is None else "importance"
                checks.that(same, f"{kind} {label} {name}: decodes bit for bit as ggml does")
                checks.that(a <= b, f"{kind} {label} {name}: error {a:.6g}, ggml {b:.6g} ({100 * (a / b - 1):+.2f} %)")
    checks.finish()


if __name__ == "__main__":
    main()
