#!/usr/bin/env python3
"""Makes the seeds of bitsandbytes_fuzz: small files of codes, scales and states.

Usage: make_bitsandbytes_corpus.py FOLDER
"""
import pathlib
import struct
import sys

from make_safetensors_corpus import entry, file

NF4 = [-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.09105004, 0.0, 0.0795803, 0.1609302, 0.2461123, 0.33791524,
       0.44070983, 0.562617, 0.72295684, 1.0]


def four_bit(json, codes, scales, nested=False):
    """One weight `w`; `scales` are f32 numbers, or with `nested` bytes."""
    parts, data = {}, b""

    def add(name, dtype, shape, content):
        nonlocal data
        parts[name] = entry(dtype, shape, len(data), len(data) + len(content))
        data += content

    add("w", "U8", [len(codes), 1], codes)
    add("w.absmax", "U8" if nested else "F32", [len(scales)], bytes(scales) if nested else struct.pack(f"<{len(scales)}f", *scales))
    add("w.quant_map", "F32", [16], struct.pack("<16f", *NF4))
    if nested:
        add("w.nested_absmax", "F32", [1], struct.pack("<f", 0.5))
        add("w.nested_quant_map", "F32", [256], struct.pack("<256f", *[i / 255 for i in range(256)]))
    add("w.quant_state.bitsandbytes__nf4", "U8", [len(json)], json.encode())
    return file(parts, data)


NESTED = ', "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 0.5}'
SEEDS = {
    "plain": four_bit('{"quant_type": "nf4", "blocksize": 32, "dtype": "float16", "shape": [2, 32]}', bytes(32), [1.0, 2.0]),
    "odd": four_bit('{"quant_type": "nf4", "blocksize": 32, "dtype": "float16", "shape": [3, 11]}', bytes(range(17)), [1.0, 2.0]),
    "nested": four_bit('{"quant_type": "nf4", "blocksize": 32, "dtype": "float16", "shape": [2, 32]' + NESTED, bytes(32), [3, 4], True),
    "int8": file({"w.SCB": entry("F32", [2], 0, 8), "w.weight": entry("I8", [2, 3], 8, 14), "w.weight_format": entry("U8", [], 14, 15)}, bytes(15)),
    "alone": file({"w.absmax": entry("F32", [2], 0, 8)}, bytes(8)),
}

if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in SEEDS.items():
        (folder / name).write_bytes(content)
