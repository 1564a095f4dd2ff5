"""Writes a .safetensors file of bfloat16 tensors."""

import json
import struct

import numpy as np


def bfloat16_bits(values):
    """float32 -> bfloat16 bit patterns, round to nearest even (no NaN here)."""
    bits = np.ascontiguousarray(values, "<f4").view("<u4")
    out = np.empty(bits.shape, "<u2")
    for start in range(0, len(bits), 4096):
        part = bits[start:start + 4096]
        out[start:start + 4096] = (part + 0x7FFF + ((part >> 16) & 1)) >> 16
    return out


def write_safetensors(path, tensors):
    """`tensors`: {name: uint16 array holding bfloat16, or float32 array}. Written in name order."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(tensors):
        array = tensors[name]
        dtype = "BF16" if array.dtype == np.dtype("<u2") else "F32"
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for name in sorted(tensors):
            np.ascontiguousarray(tensors[name]).tofile(file)
