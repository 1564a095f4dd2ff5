#!/usr/bin/env python3
"""Every checkpoint of tests/golden/tiny, Hugging Face -> GGUF -> Hugging Face with plain `convert`: the same tensor names, types, shapes and
bytes. Needs neither models nor other programs.

    test_folder_round_trip.py [NAME...]     only these checkpoints
"""
import json
import struct
import sys

from common import GOLDEN, Checks, run, run_json, scratch


def tensors(folder):
    """{name: (type, shape, bytes)} of all *.safetensors files of a folder, read without polyquant."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        raw = path.read_bytes()
        size = struct.unpack("<Q", raw[:8])[0]
        header, data = json.loads(raw[8:8 + size]), raw[8 + size:]
        header.pop("__metadata__", None)
        for name, info in header.items():
            first, last = info["data_offsets"]
            found[name] = (info["dtype"], info["shape"], data[first:last])
    return found


def differences(source, result):
    names = sorted(source.keys() ^ result.keys())
    names += [name for name in source if name in result and source[name] != result[name]]
    return names


def main():
    checks, out, only = Checks(), scratch(), sys.argv[1:]
    for entry in json.loads((GOLDEN / "tiny" / "index.json").read_text()):
        name = entry["name"]
        if only and name not in only:
            continue
        folder, file, back = GOLDEN / "tiny" / name, out / f"{name}.gguf", out / name
        pre = json.loads((folder / "gguf.json").read_text()).get("fixed_pre")
        run("convert", folder, file, "--format", "gguf", *(["--set", f"outputs.0.options.pre_tokenizer={pre}"] if pre else []))
        run("convert", file, back, "--format", "safetensors")
        source, result = tensors(folder), tensors(back)
        wrong = differences(source, result)
        checks.that(source and not wrong, f"{name}: {len(source)} tensors with the same names, types, shapes and bytes {wrong[:3] or ''}")
    name = "qwen3moe-fused"
    if not only or name in only:
        file = out / f"{name}.gguf"
        run("convert", file, out / "single", "--format", "safetensors", "--set", "outputs.0.options.experts=single")
        checks.that(not differences(tensors(GOLDEN / "tiny" / "qwen3moe"), tensors(out / "single")), "experts=single: the tensors of qwen3moe")
        key = run_json("inspect", file)["metadata"].get("general.source.experts")
        checks.that(key == "fused", f"general.source.experts is {key}")
    checks.finish()


if __name__ == "__main__":
    main()
