#!/usr/bin/env python3
"""Does llama.cpp load a GGUF file and compute something from it? A process of its own, since llama.cpp ends the process when it finds a mistake.

    load_and_run.py FILE.gguf [--text "some words"]

Prints JSON: the file type by number (metadata) and in llama.cpp's words, the number of tokens, whether all logits are finite, and how far they spread.
Exit code 1 if llama.cpp refuses the file.
"""
import argparse
import ctypes as c
import json
import sys

import numpy as np

import llama_cpp


def value_of(model, key):
    buffer = c.create_string_buffer(256)
    model.lib.llama_model_meta_val_str.argtypes = [c.c_void_p, c.c_char_p, c.c_char_p, c.c_size_t]
    return buffer.value.decode() if model.lib.llama_model_meta_val_str(model.model, key.encode(), buffer, 256) >= 0 else None


def description(model):
    buffer = c.create_string_buffer(256)
    model.lib.llama_model_desc.argtypes = [c.c_void_p, c.c_char_p, c.c_size_t]
    model.lib.llama_model_desc(model.model, buffer, 256)
    return buffer.value.decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--text", default="The quick brown fox jumps over the lazy dog.")
    arguments = parser.parse_args()
    try:
        model = llama_cpp.Model(arguments.file, 64)
    except ValueError as error:
        sys.exit(str(error))
    logits = model.logits(model.tokens(arguments.text))
    file_type = value_of(model, "general.file_type")
    print(json.dumps({"file_type": file_type and int(file_type), "description": description(model), "tokens": len(logits),
                      "finite": bool(np.isfinite(logits).all()), "spread": float(logits.std(axis=1).min())}))


if __name__ == "__main__":
    main()
