#!/usr/bin/env python3
"""Makes the seeds of safetensors_fuzz: small files that together use every part of the container, and an index.

Usage: make_safetensors_corpus.py FOLDER
"""
import json
import pathlib
import struct
import sys

SIZES = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4,
         "F32": 4, "C64": 8, "F64": 8, "I64": 8, "U64": 8}


def file(header, data=b"", pad=8):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % pad)
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def all_dtypes():
    header, end = {"__metadata__": {"format": "pt", "note": "\u00e9\"\\\n"}}, 0
    for dtype, size in SIZES.items():
        header[dtype.lower()] = entry(dtype, [2], end, end + 2 * size)
        end += 2 * size
    return file(header, bytes(range(256))[:end] if end <= 256 else bytes(end))


SEEDS = {
    "empty": file(b"{}"),
    "example": file({"attn.0": entry("F32", [1, 2, 3], 0, 24)}, bytes(24)),
    "dtypes": all_dtypes(),
    "sub_byte": file({"a": entry("F4", [2, 4], 0, 4), "b": entry("F6_E2M3", [1, 4], 4, 7)}, bytes(7)),
    "scalar_and_empty": file({"s": entry("I32", [], 0, 4), "e": entry("F16", [2, 0], 4, 4), "f": entry("F16", [0], 4, 4)}, bytes(4)),
    "unaligned": file({"x": entry("F64", [1], 0, 8)}, bytes(8), pad=1),
    "metadata_null": file(b'\t\n{"__metadata__":null}'),
    "unknown_members": file(b'{"x":{"more":[{"a":[1.5,null,true]}],"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x", pad=1),
    "twice": file(b'{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0078":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', b"xy", pad=1),
    "overflow": file({"x": entry("I32", [2, 9223372036854775807], 0, 16)}, bytes(16)),
    "index": json.dumps({"metadata": {"total_size": 3}, "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "x"}}).encode(),
}

if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS.items():
        (folder / name).write_bytes(data)
