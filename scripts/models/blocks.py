"""ggml's block formats, as far as the source files use them: each function turns [blocks, bytes] into float32 values
[blocks, values per block]."""

import numpy as np

from .common import fail


def f16(raw):
    return np.ascontiguousarray(raw).view("<f2").astype(np.float32)


def nibbles_32(raw):
    """16 bytes -> 32 values: element j is the low half of byte j, element j + 16 the high half."""
    return np.concatenate([raw & 15, raw >> 4], axis=-1)


def blocks_q8_0(b):
    return f16(b[:, :2]) * b[:, 2:].view(np.int8)


def blocks_q4_1(b):
    return f16(b[:, :2]) * nibbles_32(b[:, 4:]) + f16(b[:, 2:4])


def blocks_q5_0(b):
    high = np.unpackbits(b[:, 2:6], axis=1, bitorder="little") << 4
    return f16(b[:, :2]) * ((nibbles_32(b[:, 6:]) | high).astype(np.int8) - 16)


def blocks_q4_k(b):
    n = len(b)
    d, dmin, s = f16(b[:, :2]), f16(b[:, 2:4]), b[:, 4:16]
    # Eight 6-bit scales and eight 6-bit minima in 12 bytes; the last four of each are split.
    scale = np.concatenate([s[:, 0:4] & 63, (s[:, 8:12] & 15) | (s[:, 0:4] >> 6) << 4], axis=1)
    minimum = np.concatenate([s[:, 4:8] & 63, (s[:, 8:12] >> 4) | (s[:, 4:8] >> 6) << 4], axis=1)
    q = b[:, 16:].reshape(n, 4, 1, 32)
    q = np.concatenate([q & 15, q >> 4], axis=2).reshape(n, 8, 32)
    return ((d * scale)[:, :, None] * q - (dmin * minimum)[:, :, None]).reshape(n, 256)


def blocks_q6_k(b):
    n = len(b)
    low, high = b[:, :128].reshape(n, 2, 1, 64), b[:, 128:192].reshape(n, 2, 1, 32)
    scale, d = b[:, 192:208].view(np.int8), f16(b[:, 208:210])
    low = np.concatenate([low & 15, low >> 4], axis=2).reshape(n, 2, 4, 32)
    high = (high >> np.array([0, 2, 4, 6], np.uint8).reshape(1, 1, 4, 1)) & 3
    q = (low | high << 4).astype(np.int8) - 32
    return ((d * scale)[:, :, None] * q.reshape(n, 16, 16)).reshape(n, 256)


# name -> (bytes per block, values per block, decoder)
BLOCK_FORMATS = {
    "Q8_0": (34, 32, blocks_q8_0),
    "Q4_1": (20, 32, blocks_q4_1),
    "Q5_0": (22, 32, blocks_q5_0),
    "Q4_K": (144, 256, blocks_q4_k),
    "Q6_K": (210, 256, blocks_q6_k),
}


def dequantize(name, kind, shape, raw):
    """The bytes of a tensor as float32 values in [rows, cols] order."""
    if kind == "F32":
        return np.array(raw.view("<f4"), np.float32).reshape(shape)
    if kind not in BLOCK_FORMATS:
        fail(f"tensor {name} has type {kind}, which this script does not read")
    size, length, decode = BLOCK_FORMATS[kind]
    if shape[-1] % length:
        fail(f"tensor {name}: row length {shape[-1]} is no multiple of {length}")
    return decode(raw.reshape(-1, size)).reshape(shape)
