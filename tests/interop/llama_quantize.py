#!/usr/bin/env python3
"""llama-quantize without building it: the wheel of `cyllama` holds llama.cpp's llama_model_quantize(), which is all that the tool calls.

    llama_quantize.py IN.gguf OUT.gguf FILE_TYPE [--threads 2] [--imatrix FILE.gguf]

Prints wall and CPU seconds of the call, without the start of Python, and the peak memory of the process in bytes. The importance matrix is read
here, as the tool does it: a GGUF file of llama-imatrix, sums of squares divided by counts. Install: pip install --no-deps cyllama==0.2.18, and numpy
and gguf for --imatrix.
"""
import argparse
import contextlib
import ctypes
import importlib.util
import os
import pathlib
import resource
import sys
import time

VERSION = "0.2.18"
# llama_ftype in llama.cpp's include/llama.h
FILE_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q8_0": 7, "q5_0": 8, "q5_1": 9, "q2_k": 10, "q3_k_s": 11, "q3_k_m": 12, "q3_k_l": 13,
              "q4_k_s": 14, "q4_k_m": 15, "q5_k_s": 16, "q5_k_m": 17, "q6_k": 18, "iq2_xxs": 19, "iq2_xs": 20, "q2_k_s": 21, "iq3_xs": 22,
              "iq3_xxs": 23, "iq1_s": 24, "iq4_nl": 25, "iq3_s": 26, "iq3_m": 27, "iq2_s": 28, "iq2_m": 29, "iq4_xs": 30, "iq1_m": 31, "bf16": 32,
              "tq1_0": 36, "tq2_0": 37, "mxfp4_moe": 38}


class Importance(ctypes.Structure):  # llama_model_imatrix_data of llama.h
    _fields_ = [("name", ctypes.c_char_p), ("values", ctypes.POINTER(ctypes.c_float)), ("count", ctypes.c_size_t)]


class Head(ctypes.Structure):  # llama_model_quantize_params of llama.h, as far as it is used here
    _fields_ = [("nthread", ctypes.c_int32), ("ftype", ctypes.c_int), ("output_tensor_type", ctypes.c_int), ("token_embedding_type", ctypes.c_int)] + \
        [(name, ctypes.c_bool) for name in ("allow_requantize", "quantize_output_tensor", "only_copy", "pure", "keep_split", "dry_run")] + \
        [("imatrix", ctypes.c_void_p)]


def module():
    """The compiled part of the package alone: the rest of it needs more packages. Raises ImportError."""
    package = importlib.util.find_spec("cyllama")
    if package is None:
        raise ImportError(f"the package cyllama is missing: pip install --no-deps cyllama=={VERSION}")
    import cyllama.llama.llama_cpp as compiled
    return compiled


def read_imatrix(path):
    """{tensor name: float32 array}, the mean of squares per column (one row per expert)."""
    import gguf
    import numpy as np
    tensors = {t.name: t.data for t in gguf.GGUFReader(path).tensors}
    found = {}
    for name, sums in tensors.items():
        if name.endswith(".in_sum2"):
            stem = name.removesuffix(".in_sum2")
            counts = np.asarray(tensors[stem + ".counts"], np.float32).reshape(-1, 1)
            sums = np.asarray(sums, np.float32).reshape(len(counts), -1)
            found[stem] = np.where(counts > 0, sums / np.maximum(counts, 1), 1).astype(np.float32).ravel()
    return found


def attach_imatrix(parameters, values):
    """Puts the list that llama.cpp takes into the parameters, which the package shows but does not let set. Returns what must stay alive."""
    entries = (Importance * (len(values) + 1))()  # an entry without name ends the list
    for entry, (name, array) in zip(entries, values.items()):
        entry.name, entry.count = name.encode(), array.size
        entry.values = array.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    memory = (ctypes.c_char * sys.getsizeof(parameters)).from_address(id(parameters))
    mark = bytes(ctypes.c_int32(parameters.nthread)) + bytes(ctypes.c_int32(parameters.ftype))
    places = [at for at in range(0, len(memory) - ctypes.sizeof(Head) + 1, 4) if memory[at:at + 8] == mark]
    if len(places) != 1:
        raise OSError(f"cyllama keeps its parameters in another way than version {VERSION}")
    Head.from_buffer(memory, places[0]).imatrix = ctypes.addressof(entries)
    return entries


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


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def quantize(source, target, recipe, threads=2, imatrix=None):
    """Writes `target`; returns wall and CPU seconds of the call."""
    llama = module()
    values = read_imatrix(imatrix) if imatrix else {}
    with silence():
        llama.llama_backend_init()
        parameters = llama.LlamaModelQuantizeParams()
        parameters.ftype, parameters.nthread = FILE_TYPES[recipe], threads
        kept = attach_imatrix(parameters, values) if values else None
        start, used = time.perf_counter(), cpu_seconds()
        llama.model_quantize(str(source), str(target), parameters)
        seconds, used = time.perf_counter() - start, cpu_seconds() - used
        del kept
    if not pathlib.Path(target).is_file():
        raise OSError(f"llama.cpp did not write {target}")
    return seconds, used


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("recipe", choices=sorted(FILE_TYPES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--imatrix")
    arguments = parser.parse_args()
    wall, used = quantize(arguments.source, arguments.target, arguments.recipe, arguments.threads, arguments.imatrix)
    print(f"{wall:.4f} {used:.4f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}")


if __name__ == "__main__":
    main()
