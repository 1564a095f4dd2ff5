#!/usr/bin/env python3
"""Makes the files of this folder with llama.cpp's own Python writer, the package `gguf` (0.19.0).

Usage: make_files.py FOLDER
"""
import pathlib
import sys

import gguf
import numpy as np


def tensors():
    ramp = np.arange(-32, 32, dtype=np.float32).reshape(2, 32) / 8
    yield "blk.0.f32", ramp, None
    yield "blk.0.f16", ramp.astype(np.float16), None
    yield "blk.0.cube", np.arange(24, dtype=np.int8).reshape(2, 3, 4), None
    yield "blk.0.q8_0", gguf.quants.quantize(ramp, gguf.GGMLQuantizationType.Q8_0), gguf.GGMLQuantizationType.Q8_0
    yield "blk.0.q4_0", gguf.quants.quantize(ramp, gguf.GGMLQuantizationType.Q4_0), gguf.GGMLQuantizationType.Q4_0
    yield "vector", np.array([1.5, -2.5, 3.5], dtype=np.float64), None


def by_package(path, split):
    writer = gguf.GGUFWriter(path, "llama", split_max_tensors=2 if split else 0)
    writer.add_uint8("test.u8", 255)
    writer.add_int8("test.i8", -128)
    writer.add_uint16("test.u16", 65535)
    writer.add_int16("test.i16", -32768)
    writer.add_uint32("test.u32", 4294967295)
    writer.add_int32("test.i32", -2147483648)
    writer.add_float32("test.f32", 0.5)
    writer.add_bool("test.bool", True)
    writer.add_string("test.string", "\u20ac and more")
    writer.add_uint64("test.u64", 2**64 - 1)
    writer.add_int64("test.i64", -2**63)
    writer.add_float64("test.f64", -0.1)
    writer.add_array("test.strings", ["a", "", "\u00e9"])
    writer.add_array("test.ints", [1, -2, 3])
    writer.add_array("test.floats", [0.5, -1.5])
    writer.add_array("test.bools", [True, False])
    writer.add_quantization_version(2)
    for name, data, kind in tensors():
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    folder = pathlib.Path(sys.argv[1])
    by_package(folder / "package.gguf", split=False)
    by_package(folder / "parts.gguf", split=True)


if __name__ == "__main__":
    main()
