#!/usr/bin/env python3
"""GPTQ and AWQ folders that polyquant writes, in transformers with GPTQModel's kernels on the CPU: they load, and compute what `polyquant logits` does; folders
of a real model, too, over 1,024 positions, with the library's arithmetic in f32 (`--float32` of tests/interop/packed_peers.py).

torch, transformers and GPTQModel take 4 GB and are kept in an environment of their own, in the cache; it is made if POLYQUANT_TORCH=1, because most
machines have no use for it. Packages that cannot be had skip the script.

    test_packed_peers.py [SPEC...]     only these encodings
"""
import json
import os
import shutil
import subprocess
import sys

from arrays import np

from common import CACHE, GOLDEN, ROOT, WIDE, Checks, left_out, model, run, scratch, skip, text

PYTHON = CACHE / "packed-peers" / "bin" / "python"
PACKAGES = [["setuptools>=84.2.1,<85", "wheel"], ["torch", "transformers==5.23.*", "safetensors", "accelerate"],
            ["--no-build-isolation", "gptqmodel==7.7.*"], ["--no-deps", "optimum"]]
# format and encoding; the checkpoint has 128 and 256 columns
CASES = [("gptq", "affine:bits=4,group=32,symmetric=true", "rtn"), ("gptq", "affine:bits=4,group=32", "rtn"), ("gptq", "affine:bits=8,group=-1,symmetric=true", "rtn"),
         ("gptq", "affine:bits=3,group=64", "rtn"), ("gptq", "affine:bits=2,group=32", "rtn"), ("awq", "affine:bits=4,group=32", "rtn"),
         ("awq", "affine:bits=4,group=64,symmetric=true", "rtn"), ("awq", "affine:bits=4,group=64", "awq"), ("gptq", "affine:bits=4,group=64", "awq"),
         ("gptq", "affine:bits=4,group=64,symmetric=true", "awq"), ("awq", "affine:bits=4,group=32", "awq+gptq")]
REAL = [("gptq", "affine:bits=4,group=128,symmetric=true"), ("awq", "affine:bits=4,group=128")]
POSITIONS = 1024
KERNEL = 1e-2   # rms difference as a share of the standard deviation: the kernels round to 16 bits (measured 2e-3)
FLOAT32 = 2e-5  # the same where it computes in f32 (measured 2e-6)
ARGMAX = 0.999  # of the positions, unless the two largest logits are closer than the difference


def works():
    return PYTHON.exists() and subprocess.run([str(PYTHON), "-c", "import torch, transformers, gptqmodel"], capture_output=True, check=False).returncode == 0


def environment():
    """Makes the environment if that is asked for, anew if an earlier attempt broke off; skips the script if it does not work."""
    if not works() and os.environ.get("POLYQUANT_TORCH") == "1":
        shutil.rmtree(PYTHON.parents[1], ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(PYTHON.parents[1])], check=False)
        for packages in PACKAGES:
            if subprocess.run([str(PYTHON), "-m", "pip", "install", "-q", *packages], check=False).returncode != 0:
                break
    if not works():
        skip(f"torch, transformers and GPTQModel do not work in {PYTHON.parents[1]}; POLYQUANT_TORCH=1 installs them (4 GB)")


def peer(*arguments):
    result = subprocess.run([str(PYTHON), str(ROOT / "tests" / "interop" / "packed_peers.py"), *map(str, arguments)], capture_output=True, text=True, check=False)
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {"error": result.stderr[-500:]}


def samples(out, vocabulary):
    """Something to calibrate with; its statistics do not matter here."""
    file = out / "samples.jsonl"
    rng = np.random.default_rng(7)
    file.write_text("".join(json.dumps({"tokens": [int(t) for t in rng.integers(3, vocabulary, 64)]}) + "\n" for _ in range(8)))
    return "--calibration", file, "--samples", 8, "--length", 64


def same_logits(checks, folder, tokens, what, bound, *flags):
    """Loads a folder in the library and in polyquant; at `tokens`, what both compute."""
    listed, theirs = ",".join(map(str, tokens)), folder.parent / "theirs.f32"
    loaded = peer(folder, "--tokens", listed, "--out", theirs, *flags)
    checks.that("error" not in loaded, f"{what}: loads {loaded.get('kernels', loaded)}")
    if "error" in loaded:
        return
    ours = np.frombuffer(run("logits", folder, "--tokens", listed).stdout, "<f4").reshape(len(tokens), -1)
    other = np.fromfile(theirs, "<f4").reshape(ours.shape)
    error = float(np.sqrt(((ours - other) ** 2).mean()) / other.std())
    two = np.sort(other, 1)[:, -2:]
    agree, close = ours.argmax(1) == other.argmax(1), two[:, 1] - two[:, 0] < 2 * bound * other.std()
    same = agree | close
    checks.that(error <= bound and same.mean() >= ARGMAX, f"{what}: logits differ by {error:.1e} of the standard deviation, at most {np.abs(ours - other).max():.1e}; most likely tokens equal {agree.mean():.1%}, {(~agree & close).sum()} others all but equal")


def check(checks, out, number, kind, spec, quantizer):
    folder = out / f"{kind}-{number}"
    statistics = samples(out, 512) if quantizer != "rtn" else ()
    run("quantize", GOLDEN / "packed" / "checkpoints" / "base", "--to", folder, "--format", kind, "--encoding", spec, "--quantizer", quantizer, *statistics,
        "--set", "outputs.0.rules=[{match: embedding, encoding: f16}]")
    same_logits(checks, folder, [int(t) for t in np.random.default_rng(5).integers(3, 512, 64)], f"{kind} {spec} {quantizer}", KERNEL)


def check_real(checks, out, kind, spec):
    try:
        source, words = model(WIDE), text().read_text()[:8 * POSITIONS]
    except SystemExit as stop:
        if stop.code != 77:
            raise
        return left_out(f"{kind} {spec} of {WIDE}, which cannot be made here")
    folder = out / f"{kind}-real"
    run("quantize", source, "--to", folder, "--format", kind, "--encoding", spec, "--set", "outputs.0.rules=[{match: embedding, encoding: bf16}]")
    tokens = [int(t) for t in run("tokens", source, words).stdout.split()[:POSITIONS]]
    same_logits(checks, folder, tokens, f"{kind} {spec} of {WIDE} in f32, {len(tokens)} positions", FLOAT32, "--float32")


def main():
    environment()
    checks, out = Checks(), scratch()
    for number, (kind, spec, quantizer) in enumerate(CASES):
        if len(sys.argv) < 2 or spec in sys.argv[1:]:
            check(checks, out, number, kind, spec, quantizer)
    for kind, spec in REAL:
        if len(sys.argv) < 2 or spec in sys.argv[1:]:
            check_real(checks, out, kind, spec)
    checks.finish()


if __name__ == "__main__":
    main()
