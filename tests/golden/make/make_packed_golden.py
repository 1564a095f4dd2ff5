#!/usr/bin/env python3
"""Copies packed layers and small checkpoints that the real libraries made into tests/golden/packed, with a hash of what they decode.

Usage: make_packed_golden.py VECTORS OUT     (needs numpy; VECTORS has index.json, gptq/, awq/ and checkpoints/)

The hash is FNV-1a, 64 bits, of the library's own decoded weights as little-endian f32, row by row.
"""
import json
import pathlib
import shutil
import struct
import sys

import numpy as np

TYPES = {"F16": "<f2", "F32": "<f4", "BF16": "<u2"}


def read(path):
    data = path.read_bytes()
    size, = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, info in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = info["data_offsets"]
        values = np.frombuffer(data[8 + size + begin:8 + size + end], TYPES[info["dtype"]])
        if info["dtype"] == "BF16":
            values = (values.astype("<u4") << 16).view("<f4")
        tensors[name] = values.astype("<f4").reshape(info["shape"])
    return tensors


def fnv1a(data):
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return f"{value:016x}"


def main():
    vectors, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    index = json.loads((vectors / "index.json").read_text())
    cases = []
    for case in index["cases"]:
        if case["library"] not in ("gptq", "awq"):
            continue
        dequant = read(vectors / case["files"]["dequant"])
        config = json.loads((vectors / case["files"]["config"]).read_text())
        config.pop("meta", None)
        for suffix in ("gptq", "gptq_v2", "gptq_p", "packed"):
            if suffix not in case["files"]:
                continue
            name = f"{case['library']}/{case['name']}.{suffix}.safetensors"
            (out / case["library"]).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(vectors / case["files"][suffix], out / name)
            own = dict(config, checkpoint_format=suffix, format=suffix) if case["library"] == "gptq" else config
            layers = {"layer.weight" if key == "weight" else f"{key.removesuffix('.weight')}.weight": fnv1a(value.tobytes()) for key, value in dequant.items()}
            cases.append({"file": name, "library": case["library"], "config": own, "layers": layers,
                          "act_order": bool(case.get("nontrivial_g_idx")), "zero_min": case.get("zero_min"), "zero_max": case.get("zero_max")})
    lines = ",\n  ".join(json.dumps(case) for case in cases)
    (out / "index.json").write_text('{"libraries": ' + json.dumps({k: index["libraries"][k]["version"] for k in ("gptq", "awq", "bitsandbytes")}) +
                                    ',\n "cases": [\n  ' + lines + "\n]}\n")
    for name in ("base", "gptq", "gptq_act", "awq", "bnb_nf4"):
        shutil.copytree(vectors / "checkpoints" / name, out / "checkpoints" / name, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
