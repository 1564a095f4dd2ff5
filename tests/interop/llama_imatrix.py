#!/usr/bin/env python3
"""What llama-imatrix measures, by the llama.cpp inside the package xllamacpp: sums of squares of the inputs of every weight product.

    llama_imatrix.py MODEL.gguf TOKENS.i32 [--context 512] [--exact] [--micro-batch N] > columns.npz

TOKENS.i32: token ids, little-endian, cut into chunks of `--context`; every chunk is decoded alone. The tool's own way: llama.cpp calls back after each
product, with the input still in f32. `--exact`: keys and values are kept in f32 and attention is not fused, so that on an f32 file only the order of
sums differs from the definition. `--micro-batch`: tokens per pass, as llama-imatrix's -ub; 1 sums products in another order than many do. Install: pip install numpy xllamacpp==2026.10.11549
"""
import argparse
import ctypes as c
import sys

import numpy as np

import llama_cpp

# Words of llama_context_params, and offsets in ggml_tensor (version of llama_cpp.VERSION).
FLASH_ATTENTION, CALLBACK, KEY_TYPE, VALUE_TYPE = 13, 22, 26, 27
NE, OP, SOURCES, DATA, NAME = 16, 80, 152, 248, 256
Callback = c.CFUNCTYPE(c.c_bool, c.c_void_p, c.c_bool, c.c_void_p)


def field(kind, tensor, offset):
    return kind.from_address(tensor + offset)


class Measuring(llama_cpp.Model):
    """A model whose products are looked at. `sums`: per weight the sums of squares per input column, and the number of inputs."""

    def __init__(self, path, context=512, threads=2, exact=False, micro_batch=None):
        super().__init__(path, context, threads)
        self.lib.ggml_op_name.restype, self.lib.ggml_op_name.argtypes = c.c_char_p, [c.c_int]
        self.sums, self.counts = {}, {}
        self.callback = Callback(self.at_tensor)
        params = self.lib.llama_context_default_params()
        params.words[0] = params.words[1] = context
        params.words[2] = micro_batch or context
        address = c.cast(self.callback, c.c_void_p).value
        params.words[CALLBACK], params.words[CALLBACK + 1] = address & 0xFFFFFFFF, address >> 32
        if exact:
            params.words[FLASH_ATTENTION] = params.words[KEY_TYPE] = params.words[VALUE_TYPE] = 0
        self.lib.llama_free(self.ctx)
        self.ctx = self.lib.llama_init_from_model(self.model, params)
        self.lib.llama_set_n_threads(self.ctx, threads, threads)

    def at_tensor(self, tensor, ask, _):
        weight, inputs = field(c.c_void_p, tensor, SOURCES).value, field(c.c_void_p, tensor, SOURCES + 8).value
        if weight is None or inputs is None or self.lib.ggml_op_name(field(c.c_int, tensor, OP).value) != b"MUL_MAT":
            return not ask
        name = c.string_at(weight + NAME).decode()
        if not (name.startswith("blk.") and name.endswith(".weight")):
            return not ask
        if ask:
            return True
        cols, rows = field(c.c_int64, inputs, NE).value, field(c.c_int64, inputs, NE + 8).value
        data = field(c.c_void_p, inputs, DATA).value
        x = np.ctypeslib.as_array((c.c_float * (cols * rows)).from_address(data)).reshape(rows, cols).astype(np.float64)
        self.sums[name] = self.sums.get(name, 0) + (x * x).sum(axis=0)
        self.counts[name] = self.counts.get(name, 0) + rows
        return True


def measure(path, tokens, context=512, threads=2, exact=False, micro_batch=None):
    """Mean squares per column, by weight."""
    model = Measuring(path, context, threads, exact, micro_batch)
    for begin in range(0, len(tokens) - context + 1, context):
        chunk = list(map(int, tokens[begin:begin + context]))
        if model.adds_bos:
            chunk[0] = model.bos
        model.logits(chunk)  # of all tokens: of the last layer only those rows are computed whose logits are wanted
    result = {name: total / model.counts[name] for name, total in model.sums.items()}
    model.close()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("tokens")
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--micro-batch", type=int)
    args = parser.parse_args()
    np.savez(sys.stdout.buffer, **measure(args.model, np.fromfile(args.tokens, np.int32), args.context, exact=args.exact,
                                  micro_batch=args.micro_batch))


if __name__ == "__main__":
    main()
