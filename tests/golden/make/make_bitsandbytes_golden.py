#!/usr/bin/env python3
"""Makes tests/golden/packed/bitsandbytes from layers that the real library packed.

    make_bitsandbytes_golden.py VECTORS [--out tests/golden/packed/bitsandbytes]

VECTORS has an index.json with `inputs`, `libraries` and `cases`, and the files that it names: weights, the stored tensors of the module `layer`, and
what the library decodes from them. Copied are the weights and the stored tensors; of the decoded weights only a hash (64-bit FNV-1a over the f32
values, little-endian, -0 as +0) and the first eight. Needs numpy.
"""
import argparse
import json
import pathlib
import shutil
import struct

import numpy as np

TYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def floats(path):
    """The first tensor of a file, as f32."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    entry = next(value for name, value in header.items() if name != "__metadata__")
    begin, end = entry["data_offsets"]
    values = np.frombuffer(data[8 + length + begin:8 + length + end], TYPES[entry["dtype"]])
    if entry["dtype"] == "BF16":
        values = (values.astype("<u4") << 16).view("<f4")
    return values.astype("<f4")


def fnv(values):
    value = 0xCBF29CE484222325
    for byte in (values + np.float32(0)).tobytes():  # -0 + 0 = +0
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[1] / "packed" / "bitsandbytes")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    index = json.loads((arguments.vectors / "index.json").read_text())
    cases = []
    for case in index["cases"]:
        if case["library"] != "bitsandbytes":
            continue
        decoded = floats(arguments.vectors / case["files"]["dequant"])
        packed, weight = case["name"] + ".safetensors", case["weight"] + ".safetensors"
        shutil.copyfile(arguments.vectors / case["files"]["packed"], arguments.out / packed)
        shutil.copyfile(arguments.vectors / "inputs" / weight, arguments.out / weight)
        cases.append({"name": case["name"], "packed": packed, "weight": weight, "type": case.get("quant_type", "int8"),
                      "block": case.get("blocksize", 0), "nested": case.get("double_quant", False),
                      "decoded_fnv1a": fnv(decoded), "decoded": [float(value) for value in decoded[:8]]})
    library = index["libraries"]["bitsandbytes"]
    (arguments.out / "cases.json").write_text(json.dumps({"library": library, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
