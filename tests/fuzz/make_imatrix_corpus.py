#!/usr/bin/env python3
"""Makes the seeds of imatrix_fuzz: small importance matrices of both kinds.

Usage: make_imatrix_corpus.py FOLDER
"""
import pathlib
import struct
import sys


def text(value, size="<i"):
    return struct.pack(size, len(value)) + value.encode()


def legacy(entries, tail=b""):
    body = b"".join(text(name) + struct.pack("<ii", calls, len(v)) + struct.pack(f"<{len(v)}f", *v) for name, calls, v in entries)
    return struct.pack("<i", len(entries)) + body + tail


def string(value):
    return text(value, "<Q")


def gguf(tensors):
    keys = [string("general.type") + struct.pack("<I", 8) + string("imatrix"),
            string("imatrix.datasets") + struct.pack("<IIQ", 9, 8, 1) + string("text.txt"),
            string("imatrix.chunk_count") + struct.pack("<II", 4, 2), string("imatrix.chunk_size") + struct.pack("<II", 4, 512)]
    infos, data = b"", b""
    for name, dims, values in tensors:
        infos += string(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims) + struct.pack("<IQ", 0, len(data))
        data += struct.pack(f"<{len(values)}f", *values)
        data += bytes(-len(data) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys) + infos
    return head + bytes(-len(head) % 32) + data


SEEDS = {
    "early.dat": legacy([("blk.0.attn_q.weight", 3, [1, 2, 3, 4])]),
    "late.dat": legacy([("blk.0.attn_q.weight", 3, [1, 2]), ("a", 0, [0.5])], struct.pack("<i", 7) + text("text.txt")),
    "dense.gguf": gguf([("a.in_sum2", [4], [1, 2, 3, 4]), ("a.counts", [1], [2])]),
    "experts.gguf": gguf([("e.in_sum2", [2, 3], [1, 2, 3, 4, 5, 6]), ("e.counts", [1, 3], [2, 0, 1]), ("e.in_sum", [2, 3], [0] * 6)]),
    "half.gguf": gguf([("a.in_sum2", [4], [1, 2, 3, 4])]),
}

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for name, data in SEEDS.items():
    (folder / name).write_bytes(data)
