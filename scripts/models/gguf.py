"""Reads GGUF files (version 2 or 3, one file, little-endian): enough for the pinned source files."""

import struct

import numpy as np

from .common import fail

# Metadata value types by number; 8 is a string, 9 an array.
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9

# Tensor types by number: name, bytes per block, values per block.
TENSOR_TYPES = {0: ("F32", 4, 1), 3: ("Q4_1", 20, 32), 6: ("Q5_0", 22, 32), 8: ("Q8_0", 34, 32),
                12: ("Q4_K", 144, 256), 14: ("Q6_K", 210, 256)}


class GgufFile:
    """`metadata` by key; tensors() yields (name, type name, shape in [rows, cols] order, bytes)."""

    def __init__(self, path):
        if not path.is_file():
            fail(f"no such file: {path}")
        self.data = np.memmap(path, np.uint8, "r")
        self.position = 0
        try:
            self._read_header()
        except (struct.error, UnicodeDecodeError) as error:
            fail(f"{path} is no readable GGUF file: {error}")

    def tensors(self):
        for name, kind, shape, offset in self._tensors:
            if kind not in TENSOR_TYPES:
                fail(f"tensor {name} has type number {kind}, which this script does not read")
            type_name, block_bytes, block_values = TENSOR_TYPES[kind]
            size = int(np.prod(shape)) // block_values * block_bytes
            start = self._data_start + offset
            yield name, type_name, shape, np.array(self.data[start:start + size])

    def _read_header(self):
        if self._take(4) != b"GGUF" or self._scalar("I") not in (2, 3):
            fail("the source is no GGUF file of version 2 or 3")
        tensor_count, key_count = self._scalar("Q"), self._scalar("Q")
        self.metadata = {}
        for _ in range(key_count):
            key = self._string()
            self.metadata[key] = self._value(self._scalar("I"))
        self._tensors = []
        for _ in range(tensor_count):
            name = self._string()
            shape = [self._scalar("Q") for _ in range(self._scalar("I"))]
            kind, offset = self._scalar("I"), self._scalar("Q")
            self._tensors.append((name, kind, shape[::-1], offset))
        alignment = self.metadata.get("general.alignment", 32)
        self._data_start = -(-self.position // alignment) * alignment

    def _take(self, count):
        piece = self.data[self.position:self.position + count].tobytes()
        self.position += count
        return piece

    def _scalar(self, code):
        return struct.unpack("<" + code, self._take(struct.calcsize("<" + code)))[0]

    def _string(self):
        return self._take(self._scalar("Q")).decode("utf-8")

    def _value(self, kind):
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            kind, count = self._scalar("I"), self._scalar("Q")
            if kind in SCALARS:
                code = f"<{count}{SCALARS[kind]}"
                return list(struct.unpack(code, self._take(struct.calcsize(code))))
            return [self._value(kind) for _ in range(count)]
        if kind not in SCALARS:
            fail(f"metadata value of unknown type {kind}")
        return self._scalar(SCALARS[kind])
