#!/usr/bin/env python3
"""GGUF -> safetensors -> GGUF of an f16 and a bf16 file: identical tensor bytes, for SmolLM2 and Gemma 3."""
import hashlib

from common import GEMMA, SMOL, Checks, model, run, run_json, scratch


def tensors(path):
    found = {}
    with open(path, "rb") as file:
        for tensor in run_json("inspect", path)["tensors"]:
            file.seek(tensor["offset"])
            found[tensor["name"]] = (tensor["encoding"], tensor["shape"], hashlib.sha256(file.read(tensor["bytes"])).hexdigest())
    return found


def main():
    checks, out = Checks(), scratch()
    for name in (SMOL, GEMMA):
        for kind in ("bf16", "f16"):
            first, folder, second = out / "a.gguf", out / "folder", out / "b.gguf"
            run("quantize", model(name), "--recipe", kind, "--to", first, "--force")
            run("convert", first, folder, "--format", "safetensors", "--lossless", "require", "--force")
            run("convert", folder, second, "--format", "gguf", "--lossless", "require", "--force")
            a, b = tensors(first), tensors(second)
            checks.that(a and a == b, f"{name} {kind}: {len(a)} tensors identical after GGUF -> safetensors -> GGUF")
    checks.finish()


if __name__ == "__main__":
    main()
