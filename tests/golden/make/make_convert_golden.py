#!/usr/bin/env python3
"""Describes what llama.cpp's own converter writes for the test models: the golden data of the conversion tests.

    make_convert_golden.py --models DIR --converter PATH --out DIR [--gguf DIR] [--only NAME,...] [--types bf16,f16]

--models     folder made by make_models.py (one Hugging Face folder per model)
--converter  convert_hf_to_gguf.py of a llama.cpp source tree (the source package of llama-cpp-python holds one under vendor/)
--out        receives <model>.<type>.json, one file per conversion
--gguf       keeps the GGUF files there, as <model>-<TYPE>.converter.gguf; without it they go to a temporary folder

Needs torch, transformers, sentencepiece, safetensors, numpy; no network. About one minute per conversion on one core.
The gguf package is taken from the converter's own tree, because the two belong together.

A golden file has one line per metadata key and one per tensor, both in file order:

    scalar   {"key", "type", "value"}
    array    {"key", "type": "ARRAY[...]", "length", "first": first 8 elements, "sha256"}
    tensor   {"name", "dims": in GGUF order (columns first), "type", "sha256": of the bytes in the file}

The SHA-256 of an array is that of its elements as the file encodes them (strings: u64 length + bytes; numbers and bools:
little endian), without the header of the array.
"""
import argparse
import datetime
import hashlib
import importlib.metadata
import json
import logging
import os
import pathlib
import platform
import struct
import subprocess
import sys
import tempfile

MODELS = ("SmolLM2-135M-Instruct", "SmolLM2-135M-wide", "gemma-3-270m")

# The converter finds tokenizer.ggml.pre by hashing the tokens of a fixed text. Used only where it refuses a tokenizer.
FALLBACK_PRE = {"SmolLM2-135M-Instruct": "smollm", "SmolLM2-135M-wide": "smollm", "gemma-3-270m": "default"}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def describe_field(name, field):
    kinds = [t.name for t in field.types]
    if kinds[0] != "ARRAY":
        return {"key": name, "type": kinds[0], "value": field.contents()}
    parts = [field.parts[k] for k in field.data]
    if kinds[1] == "STRING":
        values = [bytes(p).decode("utf-8", "replace") for p in parts]
        raw = b"".join(struct.pack("<Q", len(p)) + bytes(p) for p in parts)
    else:
        values = [p.tolist()[0] for p in parts]
        raw = b"".join(p.tobytes() for p in parts)
    return {"key": name, "type": f"ARRAY[{kinds[1]}]", "length": len(values), "first": values[:8], "sha256": sha256(raw)}


def describe_gguf(path):
    import gguf
    reader = gguf.GGUFReader(str(path))
    header = {"file_bytes": path.stat().st_size, "data_offset": int(reader.data_offset), "alignment": int(reader.alignment)}
    metadata = [describe_field(name, field) for name, field in reader.fields.items() if not name.startswith("GGUF.")]
    tensors = [{"name": t.name, "dims": [int(d) for d in t.shape], "type": t.tensor_type.name, "sha256": sha256(t.data.tobytes())}
               for t in reader.tensors]
    return header, metadata, tensors


def run_converter(folder, outtype, target):
    """Runs the converter in this process; returns the value of tokenizer.ggml.pre that had to be given to it, or None."""
    import convert_hf_to_gguf
    from conversion import base
    plain, given = base.TextModel.get_vocab_base_pre, []

    def with_fallback(self, tokenizer):
        try:
            return plain(self, tokenizer)
        except NotImplementedError:
            given.append(FALLBACK_PRE[folder.name])
            return given[-1]

    base.TextModel.get_vocab_base_pre = with_fallback
    arguments, sys.argv = sys.argv, ["convert_hf_to_gguf.py", str(folder), "--outtype", outtype, "--outfile", str(target)]
    try:
        convert_hf_to_gguf.main()
    finally:
        sys.argv, base.TextModel.get_vocab_base_pre = arguments, plain
    return given[0] if given else None


def converter_version(source):
    """The commit of the source tree, where it is a git tree, and the hash of the converter's own files."""
    files = [source / "convert_hf_to_gguf.py", *sorted((source / "conversion").glob("*.py"))]
    git = subprocess.run(["git", "-C", str(source), "log", "-1", "--format=%H %cs"], capture_output=True, text=True)
    commit, date = git.stdout.split() if git.returncode == 0 and git.stdout else (None, None)
    return {"commit": commit, "commit_date": date, "sources_sha256": sha256(b"".join(f.read_bytes() for f in files))}


def packages():
    names = ("torch", "transformers", "tokenizers", "safetensors", "sentencepiece", "numpy")
    import gguf  # from the converter's tree, which is not an installed distribution
    tree = pathlib.Path(gguf.__file__).parents[1] / "pyproject.toml"
    version = next(l.split('"')[1] for l in tree.read_text().splitlines() if l.startswith("version"))
    return {n: importlib.metadata.version(n) for n in names} | {"gguf (in tree)": version, "python": platform.python_version()}


def write_lines(path, result):
    """One line per key and per tensor, so that differences are readable."""
    line = lambda x: json.dumps(x, ensure_ascii=False, separators=(",", ":"))
    parts = []
    for key, value in result.items():
        if isinstance(value, list):
            parts.append(f"{line(key)}:[\n" + ",\n".join(line(v) for v in value) + "\n]")
        else:
            parts.append(f"{line(key)}:{line(value)}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def make(model, outtype, args, keep):
    folder = args.models / model
    target = keep / f"{model}-{outtype.upper()}.converter.gguf"
    fixed_pre = run_converter(folder, outtype, target)
    header, metadata, tensors = describe_gguf(target)
    result = {"model": model, "source_sha256": sha256((folder / "model.safetensors").read_bytes()), "outtype": outtype,
              "converter": "convert_hf_to_gguf.py of llama.cpp", "converter_version": converter_version(args.converter.parent),
              "packages": packages(), "date": datetime.date.today().isoformat(),
              "command": f"convert_hf_to_gguf.py {model} --outtype {outtype} --outfile {target.name}",
              "fixed_pre": fixed_pre} | header | {"metadata": metadata, "tensors": tensors}
    path = args.out / f"{model}.{outtype}.json"
    write_lines(path, result)
    print(f"{path.name}: {len(metadata)} keys, {len(tensors)} tensors, {header['file_bytes']} bytes", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--converter", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--gguf", type=pathlib.Path)
    parser.add_argument("--only", default=",".join(MODELS))
    parser.add_argument("--types", default="bf16,f16")
    args = parser.parse_args()
    args.converter = args.converter.resolve()
    sys.path[:0] = [str(args.converter.parent / "gguf-py"), str(args.converter.parent)]
    os.environ.setdefault("TQDM_DISABLE", "1")
    import torch
    torch.set_num_threads(1)
    import convert_hf_to_gguf  # noqa: F401  (sets up logging once, before it is silenced)
    logging.disable(logging.WARNING)
    for folder in filter(None, (args.out, args.gguf)):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for model in args.only.split(","):
            for outtype in args.types.split(","):
                make(model, outtype, args, args.gguf or pathlib.Path(scratch))


if __name__ == "__main__":
    main()
