#!/usr/bin/env python3
"""Reads a GGUF file with the programs that others use, and says what they see.

Usage: gguf_peer.py FILE.gguf [--no-hashes]

The readers: the `gguf` package of llama.cpp (needed; exit 77 = skipped if it is missing), and ggml's own, which decides whether llama.cpp
opens the file (from the package xllamacpp, if it is installed). Prints one JSON document:

  {"version", "alignment", "metadata": {key: {"type", "value"}}, "ggml": "accepts" | "not installed",
   "tensors": [{"name", "shape" ([out, in]), "type", "offset" (in the file), "bytes", "sha256"}]}

Exit 1 with one sentence on stderr if a reader refuses the file or they disagree.
"""
import argparse
import ctypes as c
import hashlib
import importlib.util
import json
import pathlib
import sys

SKIPPED = 77


class Refused(Exception):
    pass


def type_text(types):
    names = [t.name.lower() for t in types]
    return " of ".join(names)


def value_of(field):
    """The value as JSON has it; text that is no UTF-8 stays visible."""
    if field.types[-1].name == "STRING":
        texts = [bytes(field.parts[i]).decode("utf-8", "backslashreplace") for i in field.data]
        return texts if field.types[0].name == "ARRAY" else texts[0]
    values = [field.parts[i][0].item() for i in field.data]
    return values if field.types[0].name == "ARRAY" else values[0]


def read_with_package(path, hashes):
    import gguf
    try:
        reader = gguf.GGUFReader(path)
    except Exception as error:  # the package throws whatever numpy throws
        raise Refused(f"the gguf package refuses {path}: {type(error).__name__}: {error}") from error
    fields = {k: f for k, f in reader.fields.items() if not k.startswith("GGUF.")}
    tensors = []
    for t in reader.tensors:
        data = reader.data[t.data_offset:t.data_offset + t.n_bytes]
        tensor = {"name": t.name, "shape": [int(n) for n in reversed(t.shape)], "type": t.tensor_type.name.lower(),
                  "offset": int(t.data_offset), "bytes": int(t.n_bytes)}
        if len(data) != t.n_bytes:
            raise Refused(f"{path}: tensor {t.name} ends beyond the file")
        if hashes:
            tensor["sha256"] = hashlib.sha256(data.tobytes()).hexdigest()
        tensors.append(tensor)
    return {"version": int(reader.fields["GGUF.version"].parts[0][0]), "alignment": int(reader.alignment),
            "metadata": {k: {"type": type_text(f.types), "value": value_of(f)} for k, f in fields.items()}, "tensors": tensors}


def ggml():
    spec = importlib.util.find_spec("xllamacpp")
    if spec is None:
        return None
    lib = c.CDLL(str(sorted(pathlib.Path(spec.origin).parent.glob("xllamacpp*.so"))[0]))
    p, i64, size = c.c_void_p, c.c_int64, c.c_size_t

    class Params(c.Structure):
        _fields_ = [("no_alloc", c.c_bool), ("ctx", c.POINTER(c.c_void_p))]

    for name, result, arguments in [
            ("gguf_init_from_file", p, [c.c_char_p, Params]), ("gguf_free", None, [p]), ("gguf_get_n_tensors", i64, [p]),
            ("gguf_get_n_kv", i64, [p]), ("gguf_get_key", c.c_char_p, [p, i64]), ("gguf_get_tensor_name", c.c_char_p, [p, i64]),
            ("gguf_get_tensor_offset", size, [p, i64]), ("gguf_get_tensor_size", size, [p, i64]),
            ("gguf_get_data_offset", size, [p])]:
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    lib.no_alloc = lambda: Params(True, None)
    return lib


def compare_with_ggml(lib, path, seen):
    context = lib.gguf_init_from_file(str(path).encode(), lib.no_alloc())
    if not context:
        raise Refused(f"ggml refuses {path}")
    start = lib.gguf_get_data_offset(context)
    theirs = [(lib.gguf_get_tensor_name(context, i).decode(), start + lib.gguf_get_tensor_offset(context, i),
               lib.gguf_get_tensor_size(context, i)) for i in range(lib.gguf_get_n_tensors(context))]
    keys = [lib.gguf_get_key(context, i).decode() for i in range(lib.gguf_get_n_kv(context))]
    lib.gguf_free(context)
    if theirs != [(t["name"], t["offset"], t["bytes"]) for t in seen["tensors"]]:
        raise Refused(f"{path}: ggml and the gguf package see other tensors")
    if keys != list(seen["metadata"]):
        raise Refused(f"{path}: ggml and the gguf package see other keys")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--no-hashes", action="store_true", help="leave out the tensors' sha256")
    arguments = parser.parse_args()
    if importlib.util.find_spec("gguf") is None:
        print("skipped: the package gguf is not installed", file=sys.stderr)
        return SKIPPED
    try:
        seen = read_with_package(arguments.file, not arguments.no_hashes)
        lib = ggml()
        if lib is not None:
            compare_with_ggml(lib, arguments.file, seen)
        seen["ggml"] = "accepts" if lib is not None else "not installed"
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    json.dump(seen, sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
