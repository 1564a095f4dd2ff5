#!/usr/bin/env python3
"""Models of a class that no family file describes: what needs no architecture works, the rest is refused in one sentence, exit code 3."""
import json
import re
import struct

from arrays import np
from common import Checks, run, run_json, scratch, tiny_model


def renamed_folder(path):
    """A Hugging Face folder of a class that nobody knows."""
    folder = tiny_model(path)
    config = json.loads((folder / "config.json").read_text())
    config.update(architectures=["NobodyKnowsForCausalLM"], model_type="nobody-knows")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def renamed_file(path, known):
    """A GGUF file of an architecture that nobody knows."""
    data = known.read_bytes()
    name = b"general.architecture" + struct.pack("<IQ", 8, 5)
    assert data.count(name + b"llama") == 1
    path.write_bytes(data.replace(name + b"llama", name + b"lllll"))
    return path


def refused(checks, what, *arguments):
    result = run(*arguments, code=3)
    message = result.stderr.decode()
    lines = [line for line in message.splitlines() if "error:" in line]
    checks.that(len(lines) == 1 and re.search(r"architecture '\S+' is not known", lines[0]), f"{what} is refused: {lines}")
    checks.that(not arguments[2].exists(), f"{what}: no file is left")


def check_model(checks, model, kind, work, a_norm):
    """Everything that works on tensors as they stand."""
    listed = run_json("inspect", model)
    checks.that(len(listed["tensors"]) == 21 and listed["parameters"] == 97600, f"{kind}: inspect lists 21 tensors")
    checks.that(len(run("cat", model, a_norm).stdout) == 64 * 4, f"{kind}: cat writes a tensor")
    same = run_json("compare", model, model)
    checks.that(same["relative_error"] == 0, f"{kind}: compare finds no difference to itself")
    half = work / f"{kind}.f16"
    run("convert", model, half, "--format", kind, "--encoding", "f16")
    found = {t["encoding"] for t in run_json("inspect", half)["tensors"]}
    checks.that("f16" in found, f"{kind}: all weights are quantized to an output of the same kind: {sorted(found)}")
    error = run_json("compare", model, half)["relative_error"]
    checks.that(error < 1e-6, f"{kind}: relative error {error:.1e} of f16")


def main():
    checks, work = Checks(), scratch()
    folder = renamed_folder(work / "folder")
    check_model(checks, folder, "safetensors", work, "model.norm.weight")
    refused(checks, "a folder to GGUF", "convert", folder, work / "x.gguf", "--format", "gguf")
    known = work / "known.gguf"
    run("convert", tiny_model(work / "known"), known, "--format", "gguf", "--set", "outputs.0.options.pre_tokenizer=llama-bpe")
    file = renamed_file(work / "file.gguf", known)
    check_model(checks, file, "gguf", work, "output_norm.weight")
    small = work / "small.gguf"
    run("quantize", file, "--to", small, "--recipe", "q4_0")
    found = {t["name"]: t["encoding"] for t in run_json("inspect", small)["tensors"]}
    checks.that(found["blk.0.ffn_up.weight"] == "q4_0" and found["output_norm.weight"] == "f32",
                "gguf: a recipe works, because names say what tensors are")
    a, b = (np.frombuffer(run("cat", x, "blk.0.ffn_up.weight").stdout, "<f4") for x in (file, small))
    checks.that(0 < np.abs(a - b).max() < 0.2 * np.abs(a).max(), "gguf: the quantized weights are near the given ones")
    refused(checks, "a file to a folder", "convert", file, work / "back", "--format", "safetensors")
    checks.finish()


if __name__ == "__main__":
    main()
