#!/usr/bin/env python3
"""Makes the seeds of packed_fuzz: small files of codes, zeros and scales.

Usage: make_packed_corpus.py FOLDER
"""
import pathlib
import struct
import sys

from make_safetensors_corpus import entry, file


def layer(parts):
    tensors, data = {}, b""
    for name, dtype, shape, content in parts:
        tensors[name] = entry(dtype, shape, len(data), len(data) + len(content))
        data += content
    return file(tensors, data)


def ints(values):
    return struct.pack(f"<{len(values)}i", *values)


GPTQ = [("a.qweight", "I32", [8, 8], bytes(range(256))), ("a.qzeros", "I32", [2, 1], bytes(range(8))), ("a.scales", "F16", [2, 8], bytes(range(32)))]
SEEDS = {
    "gptq": layer(GPTQ),
    "gptq_act": layer(GPTQ + [("a.g_idx", "I32", [64], ints([k % 2 for k in range(64)]))]),
    "gptq_bad_order": layer(GPTQ + [("a.g_idx", "I32", [64], ints([7] * 64))]),
    "gptq_3": layer([("a.qweight", "I32", [6, 32], bytes(768)), ("a.qzeros", "I32", [1, 3], bytes(12)), ("a.scales", "BF16", [1, 32], bytes(64))]),
    "awq": layer([("a.qweight", "I32", [64, 1], bytes(range(256))), ("a.qzeros", "I32", [2, 1], bytes(8)), ("a.scales", "F16", [2, 8], bytes(32)), ("a.bias", "F16", [8], bytes(16))]),
    "alone": layer([("a.qzeros", "I32", [2], bytes(8)), ("b.scales", "F16", [2], bytes(4))]),
    "empty": layer([("a.qweight", "I32", [0, 8], b""), ("a.qzeros", "I32", [0, 1], b""), ("a.scales", "F16", [0, 8], b"")]),
}

if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in SEEDS.items():
        (folder / name).write_bytes(content)
