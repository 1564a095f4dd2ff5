#!/usr/bin/env python3
"""Writes plugins/gguf_iq/grids/*.inc from ggml's codebooks.

    make_gguf_grids.py TABLES [--to FOLDER]

TABLES holds iq2xxs_grid.json and its kin: {"packed": [hex numbers, element j in byte j]} as in ggml-common.h of
github.com/ggml-org/ggml (commit d99724f2b141). Each entry becomes one number with the index of the level of each
element: 2 bits per element for grids of 8, 3 bits for grids of 4, element 0 lowest.
"""
import argparse
import json
import pathlib

GRIDS = {  # name: (elements, bits per element, levels as stored in bytes)
    "iq2xxs": (8, 2, [8, 25, 43]), "iq2xs": (8, 2, [8, 25, 43]), "iq2s": (8, 2, [8, 25, 43]), "iq1s": (8, 2, [255, 0, 1]),
    "iq3xxs": (4, 3, [4, 12, 20, 28, 36, 44, 52, 62]), "iq3s": (4, 3, [1, 3, 5, 7, 9, 11, 13, 15]),
}


def code(entry, elements, bits, levels):
    return sum(levels.index(entry >> 8 * j & 255) << bits * j for j in range(elements))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=pathlib.Path)
    parser.add_argument("--to", type=pathlib.Path, default=pathlib.Path(__file__).parents[1] / "plugins/gguf_iq/grids")
    arguments = parser.parse_args()
    for name, layout in GRIDS.items():
        packed = json.loads((arguments.tables / f"{name}_grid.json").read_text())["packed"]
        codes = [code(int(entry, 16), *layout) for entry in packed]
        lines = [", ".join(f"0x{c:04X}" for c in codes[i:i + 12]) + "," for i in range(0, len(codes), 12)]
        text = f"// {name}_grid of ggml-common.h; made by scripts/make_gguf_grids.py. Levels, {layout[1]} bits per element.\n"
        (arguments.to / f"{name}.inc").write_text(text + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
