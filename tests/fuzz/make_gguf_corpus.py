#!/usr/bin/env python3
"""Makes the seeds of gguf_fuzz: small files that together use every part of the container.

Usage: make_gguf_corpus.py FOLDER
"""
import pathlib
import struct
import sys

SCALARS = [(0, "B", 200), (1, "b", -1), (2, "H", 60000), (3, "h", -2), (4, "I", 7), (5, "i", -7), (6, "f", 0.5), (7, "B", 1),
           (10, "Q", 2**63), (11, "q", -1), (12, "d", 0.25)]


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def start(tensors, keys, version=3):
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys)


def key(name, type_id, value):
    return text(name) + struct.pack("<I", type_id) + value


def tensor(name, dims, type_id, offset):
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, type_id, offset)


def pad(data, alignment=32):
    return data + bytes(-len(data) % alignment)


def values():
    keys = [key("general.architecture", 8, text("llama"))]
    keys += [key(f"s{t}", t, struct.pack("<" + code, value)) for t, code, value in SCALARS]
    keys += [key(f"a{t}", 9, struct.pack(f"<IQ2{code}", t, 2, value, value)) for t, code, value in SCALARS]
    keys.append(key("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 3) + text("a") + text("") + text("\u20ac")))
    keys.append(key("tokenizer.ggml.scores", 9, struct.pack("<IQ3f", 6, 3, 0, 1, 2)))
    keys.append(key("tokenizer.ggml.bos_token_id", 4, struct.pack("<I", 1)))
    return start(0, len(keys)) + b"".join(keys)


def tensors(version, alignment):
    kinds = [("f32", [3, 2], 0, 24), ("q4_0", [64, 2], 2, 72), ("q6_k", [256], 14, 210), ("scalar", [], 30, 2), ("empty", [0, 4], 1, 0)]
    head = start(len(kinds), 3, version) + key("general.architecture", 8, text("x"))
    head += key("general.alignment", 4, struct.pack("<I", alignment)) + key("general.quantization_version", 4, struct.pack("<I", 2))
    offset, data = 0, b""
    for name, dims, type_id, size in kinds:
        head += tensor(name, dims, type_id, offset)
        data = pad(data + bytes(range(256))[:size], alignment)
        offset = len(data)
    return pad(head, alignment) + data


def split():
    head = start(1, 3) + key("split.no", 2, struct.pack("<H", 0)) + key("split.count", 2, struct.pack("<H", 2))
    head += key("split.tensors.count", 5, struct.pack("<i", 2)) + tensor("t", [4], 24, 0)
    return pad(pad(head) + b"data")


def nested():
    inner = struct.pack("<IQI", 4, 1, 5)
    return start(0, 1) + key("nested", 9, struct.pack("<IQ", 9, 1) + inner)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    files = {"empty": start(0, 0), "values": values(), "tensors-v2": tensors(2, 32), "tensors-v3-aligned-64": tensors(3, 64),
             "split": split(), "nested": nested()}
    for name, data in files.items():
        (folder / f"{name}.gguf").write_bytes(data)


if __name__ == "__main__":
    main()
