#!/usr/bin/env python3
"""Makes the seeds of scaled_blocks_fuzz: small files of numbers and scales.

Usage: make_scaled_blocks_corpus.py FOLDER
"""
import pathlib
import sys

from make_safetensors_corpus import entry, file

SEEDS = {
    "mxfp4": file({"w_blocks": entry("U8", [2, 3, 2, 16], 0, 192), "w_scales": entry("U8", [2, 3, 2], 192, 204)}, bytes(range(204))),
    "fp8": file({"w.weight": entry("F8_E4M3", [3, 130], 0, 390), "w.weight_scale_inv": entry("F32", [1, 2], 390, 398)}, bytes(398)),
    "fp8_bf16": file({"w.weight": entry("F8_E4M3", [2, 2], 0, 4), "w.weight_scale_inv": entry("BF16", [1, 1], 4, 6)}, bytes(6)),
    "fp8_one": file({"w.weight": entry("F8_E4M3", [2, 2], 0, 4), "w.weight_scale_inv": entry("F32", [], 4, 8)}, bytes(8)),
    "fp8_empty": file({"w.weight": entry("F8_E4M3", [0, 4], 0, 0), "w.weight_scale_inv": entry("F32", [1], 0, 4)}, bytes(4)),
    "alone": file({"w_scales": entry("U8", [2], 0, 2), "v.weight": entry("F8_E4M3", [2, 2], 2, 6)}, bytes(6)),
    "misfit": file({"w_blocks": entry("U8", [2, 16], 0, 32), "w_scales": entry("U8", [3], 32, 35)}, bytes(35)),
}

if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in SEEDS.items():
        (folder / name).write_bytes(content)
