#!/usr/bin/env python3
"""llama-quantize without building it: the wheel of `cyllama` holds llama.cpp's llama_model_quantize(), which is all that the tool calls.

    llama_quantize.py IN.gguf OUT.gguf q4_0|q4_1|q5_0|q5_1|q8_0|f16|bf16 [--threads 2]

Prints the seconds that the call took, without the start of Python. Install: pip install --no-deps cyllama==0.2.18
"""
import argparse
import contextlib
import importlib.util
import os
import pathlib
import time

VERSION = "0.2.18"
# llama_ftype in llama.cpp's include/llama.h
FILE_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q8_0": 7, "q5_0": 8, "q5_1": 9, "bf16": 32}


def module():
    """The compiled part of the package alone: the rest of it needs more packages. Raises ImportError."""
    package = importlib.util.find_spec("cyllama")
    if package is None:
        raise ImportError(f"the package cyllama is missing: pip install --no-deps cyllama=={VERSION}")
    import cyllama.llama.llama_cpp as compiled
    return compiled


@contextlib.contextmanager
def silence():
    """llama.cpp reports every tensor, on both streams."""
    shown = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        for number, original in zip((1, 2), shown):
            os.dup2(original, number)
            os.close(original)
        os.close(nowhere)


def quantize(source, target, recipe, threads=2):
    """Writes `target`; returns the seconds of the call."""
    llama = module()
    with silence():
        llama.llama_backend_init()
        parameters = llama.LlamaModelQuantizeParams()
        parameters.ftype, parameters.nthread = FILE_TYPES[recipe], threads
        start = time.perf_counter()
        llama.model_quantize(str(source), str(target), parameters)
        seconds = time.perf_counter() - start
    if not pathlib.Path(target).is_file():
        raise OSError(f"llama.cpp did not write {target}")
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("recipe", choices=sorted(FILE_TYPES))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    print(f"{quantize(arguments.source, arguments.target, arguments.recipe, arguments.threads):.4f}")


if __name__ == "__main__":
    main()
