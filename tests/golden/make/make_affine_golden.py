#!/usr/bin/env python3
"""Rows of the encoding affine by GPTQ's rule for the range of a group, in double precision and without search.

    make_affine_golden.py --out FOLDER

Writes input.f32 (ROWS x COLS weights) and minmax.bin: these rows for all BITS, GROUPS and both kinds of zero, one after the other. Scales are rounded
to f16 before zero and codes are chosen, and a symmetric range always reaches as far below 0 as above. Python's standard library only.
"""
import argparse
import pathlib
import random
import struct

ROWS, COLS = 4, 200  # no multiple of 64: the last group is short
BITS, GROUPS = range(2, 9), (16, 64, -1)


def f16(value):
    return struct.unpack("<e", struct.pack("<e", value))[0]


def weights():
    """Gaussian; shifted, so that some groups are all positive; with outliers; a row with a group of zeros and one of a single value."""
    draw = random.Random(7)
    rows = [[draw.gauss(0, 0.02) for _ in range(COLS)], [draw.gauss(0.03, 0.01) for _ in range(COLS)],
            [draw.gauss(0, 1) * (20 if draw.random() < 0.02 else 1) for _ in range(COLS)],
            [0.0] * 64 + [-0.125] * 64 + [draw.uniform(-3, -1) for _ in range(COLS - 128)]]
    return [list(struct.unpack(f"<{COLS}f", struct.pack(f"<{COLS}f", *row))) for row in rows]


def fit(group, bits, symmetric):
    most = 2**bits - 1
    low, high = min(0.0, *group), max(0.0, *group) + 0.0
    if symmetric:
        return f16(2 * max(high, -low) / most), 2 ** (bits - 1)
    scale = f16((high - low) / most)
    return scale, 0 if scale == 0 else min(max(round(-low / scale), 0), most)  # round(): ties to even


def encode(row, bits, size, symmetric):
    size = COLS if size < 0 else size
    groups = [row[i:i + size] for i in range(0, COLS, size)]
    fits = [fit(group, bits, symmetric) for group in groups]
    stream = 0
    for i, weight in enumerate(row):
        scale, zero = fits[i // size]
        code = zero if scale == 0 else min(max(round(weight / scale) + zero, 0), 2**bits - 1)
        stream |= code << bits * i
    out = b"".join(struct.pack("<e", scale) for scale, _ in fits)
    if not symmetric:
        out += b"".join(struct.pack("<H" if bits == 8 else "<B", zero) for _, zero in fits)
    return out + stream.to_bytes((COLS * bits + 7) // 8, "little")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    rows = weights()
    (out / "input.f32").write_bytes(b"".join(struct.pack(f"<{COLS}f", *row) for row in rows))
    (out / "minmax.bin").write_bytes(b"".join(
        encode(row, bits, size, symmetric)
        for bits in BITS for size in GROUPS for symmetric in (False, True) for row in rows))


if __name__ == "__main__":
    main()
