#!/usr/bin/env python3
"""GPTQ and AWQ folders that polyquant writes, in transformers with GPTQModel's kernels on the CPU: they load, and compute what `polyquant logits` does; folders
of a real model, too, over 1,024 positions, with the library's arithmetic in f32 (`--float32` of tests/interop/packed_peers.py).

torch, transformers and GPTQModel take 4 GB and are kept in an environment of their own, in the cache; it is made if POLYQUANT_TORCH=1, because most
machines have no use for it. Packages that cannot be had skip the script. Starting the library takes longer than loading small folders: two processes, one for each
format, take one folder after the other, with one thread each.

    test_packed_peers.py [SPEC...]     only these encodings
"""
import collections
import concurrent.futures
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
REAL = [("gptq", "affine:bits=4,group=128,symmetric=true", "gptq"), ("awq", "affine:bits=4,group=128", "awq")]
POSITIONS = 1024
KERNEL = 1e-2   # rms difference as a share of the standard deviation: the kernels round to 16 bits (measured 2e-3)
FLOAT32 = 2e-5  # the same where it computes in f32 (measured 2e-6)
ARGMAX = 0.999  # of the positions, unless the two largest logits are closer than the difference


def works():
    return PYTHON.exists() and subprocess.run([str(PYTHON), "-c", "import torch, transformers, gptqmodel"], capture_output=True, check=False).returncode == 0


def environment():
    """Makes the environment if that is asked for, anew if an earlier attempt broke off; skips the script if it does not work."""
    if works():
        return
    if os.environ.get("POLYQUANT_TORCH") == "1":
        shutil.rmtree(PYTHON.parents[1], ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(PYTHON.parents[1])], check=False)
        for packages in PACKAGES:
            if subprocess.run([str(PYTHON), "-m", "pip", "install", "-q", *packages], check=False).returncode != 0:
                break
        if works():
            return
    skip(f"torch, transformers and GPTQModel do not work in {PYTHON.parents[1]}; POLYQUANT_TORCH=1 installs them (4 GB)")


Job = collections.namedtuple("Job", "kind folder tokens what bound")  # a folder, and how far the logits at these tokens may differ


def theirs(job):
    return job.folder.parent / f"{job.folder.name}.f32"


def peer(jobs):
    """What the library says of each folder; its logits are in theirs(job)."""
    if not jobs:
        return []
    file = jobs[0].folder.parent / f"{jobs[0].kind}.jobs"
    file.write_text("".join(json.dumps({"folder": str(job.folder), "tokens": job.tokens, "out": str(theirs(job)), "float32": job.bound == FLOAT32}) + "\n" for job in jobs))
    result = subprocess.run([str(PYTHON), str(ROOT / "tests" / "interop" / "packed_peers.py"), "--jobs", str(file), "--threads", "1"], capture_output=True, text=True,
                            env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    said = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    return said + [{"error": result.stderr[-500:]}] * (len(jobs) - len(said))


def samples(out, vocabulary):
    """Something to calibrate with; its statistics do not matter here."""
    file = out / "samples.jsonl"
    rng = np.random.default_rng(7)
    file.write_text("".join(json.dumps({"tokens": [int(t) for t in rng.integers(3, vocabulary, 64)]}) + "\n" for _ in range(8)))
    return "--calibration", file, "--samples", 8, "--length", 64


def same_logits(checks, job, loaded):
    """What the library has loaded, and at the job's tokens what it and polyquant compute."""
    tokens, what, bound = job.tokens, job.what, job.bound
    checks.that("error" not in loaded, f"{what}: loads {loaded.get('kernels', loaded)}")
    if "error" in loaded:
        return
    ours = np.frombuffer(run("logits", job.folder, "--tokens", ",".join(map(str, tokens))).stdout, "<f4").reshape(len(tokens), -1)
    other = np.fromfile(theirs(job), "<f4").reshape(ours.shape)
    error = float(np.sqrt(((ours - other) ** 2).mean()) / other.std())
    two = np.sort(other, 1)[:, -2:]
    agree, close = ours.argmax(1) == other.argmax(1), two[:, 1] - two[:, 0] < 2 * bound * other.std()
    same = agree | close
    checks.that(error <= bound and same.mean() >= ARGMAX, f"{what}: logits differ by {error:.1e} of the standard deviation, at most {np.abs(ours - other).max():.1e}; most likely tokens equal {agree.mean():.1%}, {(~agree & close).sum()} others all but equal")


def small(out, number, kind, spec, quantizer):
    folder = out / f"{kind}-{number}"
    statistics = samples(out, 512) if quantizer != "rtn" else ()
    run("quantize", GOLDEN / "packed" / "checkpoints" / "base", "--to", folder, "--format", kind, "--encoding", spec, "--quantizer", quantizer, *statistics,
        "--set", "outputs.0.rules=[{match: embedding, encoding: f16}]")
    return Job(kind, folder, [int(t) for t in np.random.default_rng(5).integers(3, 512, 64)], f"{kind} {spec} {quantizer}", KERNEL)


def real(out, kind, spec, quantizer):
    try:
        source, words = model(WIDE), text().read_text()[:8 * POSITIONS]
    except SystemExit as stop:
        if stop.code != 77:
            raise
        return left_out(f"{kind} {spec} of {WIDE}, which cannot be made here")
    folder = out / f"{kind}-real"
    run("quantize", source, "--to", folder, "--format", kind, "--encoding", spec, "--quantizer", quantizer, "--calibration", text("calibration.jsonl"),
        "--samples", 2, "--length", 512, "--set", "outputs.0.rules=[{match: embedding, encoding: bf16}]")
    tokens = [int(t) for t in run("tokens", source, words).stdout.split()[:POSITIONS]]
    return Job(kind, folder, tokens, f"{kind} {spec} {quantizer} of {WIDE} in f32, {len(tokens)} positions", FLOAT32)


def main():
    environment()
    checks, out, wanted = Checks(), scratch(), lambda spec: len(sys.argv) < 2 or spec in sys.argv[1:]
    jobs = [small(out, number, *case) for number, case in enumerate(CASES) if wanted(case[1])]
    jobs += filter(None, [real(out, *case) for case in REAL if wanted(case[1])])
    parts = [[job for job in jobs if job.kind == kind] for kind in ("gptq", "awq")]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for part, found in zip(parts, pool.map(peer, parts)):
            for job, loaded in zip(part, found):
                same_logits(checks, job, loaded)
    checks.finish()


if __name__ == "__main__":
    main()
