#!/usr/bin/env python3
"""`calibration.inputs: quantized` for several architectures, from their folders and from GGUF files: the second layer is what it is when a model whose
first layer alone is quantized is calibrated as it is. Where the samples cannot go through the quantized rows, the plan is refused: never the original
rows in silence.

    test_followed.py [NAME...]     only these checkpoints
"""
import json
import os
import signal
import subprocess
import sys
import time

from common import GOLDEN, PROGRAM, Checks, run, run_json, scratch

FOLLOWED = ["llama", "mixtral-8", "phi3", "qwen3moe-fused", "granitemoe", "falcon-40b", "gemma3"]
# Rows that are columns of the source, or of the matrix that the forward pass multiplies by: (checkpoint, is it refused as a folder, as GGUF).
TURNED = [("gpt2", True, True), ("gpt-oss", True, True), ("deepseek-v2-lite", False, True)]
SAMPLES = ("--samples", 8, "--length", 32)


def pre(name):
    fixed = json.loads((GOLDEN / "tiny" / name / "gguf.json").read_text()).get("fixed_pre")
    return ("--set", f"outputs.0.options.pre_tokenizer={fixed}") if fixed else ()


def quantize(source, to, text, *more, **options):
    return run("quantize", source, "--format", "gguf", "--to", to, "--calibration", text, *SAMPLES, "--set", "outputs.0.fallback=f16", *more, **options)


def tensors(file, layer):
    names = [t["name"] for t in run_json("inspect", file)["tensors"] if t["name"].startswith(f"blk.{layer}.") and len(t["shape"]) > 1]
    return {name: run("cat", file, name).stdout for name in names}


def compare(checks, name, source, kind, out, text, options):
    quantizer = ("--quantizer", "gptq") if name in ("llama", "mixtral-8") else ()
    for threads in (1, 2):
        quantize(source, out / f"followed{threads}.gguf", text, *options, *quantizer, "--encoding", "q4_0", "--set", "calibration.inputs=quantized", "--threads", threads)
    first = ("--encoding", "f32", "--set", 'outputs.0.rules=[{match: "^blk.0.", encoding: q4_0}]')
    quantize(source, out / "first.gguf", text, *options, *quantizer, *first)
    quantize(out / "first.gguf", out / "expected.gguf", text, *quantizer, "--encoding", "q4_0")
    same = (out / "followed1.gguf").read_bytes() == (out / "followed2.gguf").read_bytes()
    expected, found = tensors(out / "expected.gguf", 1), tensors(out / "followed1.gguf", 1)
    wrong = [tensor for tensor in expected if expected[tensor] != found[tensor]]
    checks.that(same and not wrong, f"{name} from its {kind}: {len(expected)} tensors of the second layer follow the first {wrong or ''}")
    for file in out.glob("*.gguf"):
        if file != source:
            file.unlink()


def refused(checks, name, source, kind, out, text, options):
    done = quantize(source, out / "x.gguf", text, *options, "--encoding", "q4_0", "--set", "calibration.inputs=quantized", code=None)
    checks.that(done.returncode == 2 and b"is stored in another form than it is quantized in" in done.stderr and b"inputs: original" in done.stderr,
                f"{name} from its {kind} is refused: {done.stderr.decode().strip()[:160]}")


def resume(checks, out, text):
    """An interrupted run says that it starts over, and makes the same bytes."""
    source, options = GOLDEN / "tiny" / "llama", pre("llama")
    arguments = ["quantize", source, "--format", "gguf", "--encoding", "q4_0", "--calibration", text, "--samples", 400, "--length", 32,
                 "--set", "outputs.0.fallback=f16", "--set", "calibration.inputs=quantized", *options]
    run(*arguments, "--to", out / "whole.gguf")
    command = [str(part) for part in (PROGRAM, *arguments, "--to", out / "again.gguf")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ)
    while process.poll() is None and not (out / "again.gguf.partial").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    if process.returncode != 0:  # else it was faster
        checks.that(process.returncode == 130 and b"makes all tensors again" in said, "an interrupted run does not promise what it does not keep")
        run(*arguments, "--to", out / "again.gguf")
    checks.that((out / "again.gguf").read_bytes() == (out / "whole.gguf").read_bytes(), "and makes the same bytes when it runs again")


def main():
    checks, out, only = Checks(), scratch(), sys.argv[1:]
    text = out / "river.txt"
    text.write_text("the river rises in the hills and passes nine towns on its way to the sea " * 60)
    cases = [(name, False, False) for name in FOLLOWED] + TURNED
    for name, as_folder, as_gguf in cases:
        if only and name not in only:
            continue
        folder, file = GOLDEN / "tiny" / name, out / "source.gguf"
        (refused if as_folder else compare)(checks, name, folder, "folder", out, text, pre(name))
        run("convert", folder, file, *pre(name))
        (refused if as_gguf else compare)(checks, name, file, "GGUF file", out, text, ())
        file.unlink()
    if not only:
        resume(checks, out, text)
    checks.finish()


if __name__ == "__main__":
    main()
