#!/usr/bin/env python3
"""Speed of whole conversions, beside llama-quantize in the same run: bf16 safetensors -> q8_0, q4_0, ... GGUF.

    end_to_end.py MODEL_FOLDER [--llama-quantize PATH] [--threads 2] [--runs 5] [--recipes q8_0,q4_0] [--layers-times N] [--require 3]

llama-quantize starts from the bf16 GGUF that polyquant writes of the same folder. Without --llama-quantize its one function is called through
the package cyllama (tests/interop/llama_quantize.py), and the start of Python is not counted. The two run in turn (A B A B ...); the table
shows medians of wall times, of polyquant from start to exit, and the time of copying the model file as the limit that the page cache sets.
--layers-times: a model with that many times the layers, of which the tokenizer is a smaller part. Prints Markdown.
"""
import argparse
import datetime
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from deeper_model import deeper_model

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEER = ROOT / "tests" / "interop" / "llama_quantize.py"


def seconds(command):
    start = time.perf_counter()
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def copy_seconds(source, target):
    start = time.perf_counter()
    shutil.copyfile(source, target)
    return time.perf_counter() - start


def peer_seconds(program, source, target, recipe, threads):
    if program:
        return seconds([program, source, target, recipe, threads])
    command = [sys.executable, PEER, source, target, recipe, "--threads", threads]
    return float(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def write_bf16(polyquant, model, path):
    subprocess.run([str(polyquant), "quantize", str(model), "--recipe", "bf16", "--to", str(path)], check=True, capture_output=True)
    return path


def measure(polyquant, peer, recipe, model, bf16, out, threads=2, runs=5):
    """Medians of `runs` rounds: polyquant, llama-quantize, copying the model file."""
    rounds = []
    for _ in range(runs + 1):  # the first round warms the page cache up
        for path in (out / "ours.gguf", out / "theirs.gguf", out / "copy"):
            path.unlink(missing_ok=True)
        rounds.append((
            seconds([polyquant, "quantize", model, "--recipe", recipe, "--to", out / "ours.gguf", "--threads", threads]),
            peer_seconds(peer, bf16, out / "theirs.gguf", recipe, threads),
            copy_seconds(model / "model.safetensors", out / "copy")))
    return [statistics.median(values) for values in zip(*rounds[1:])]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--llama-quantize")
    parser.add_argument("--polyquant", default=ROOT / "build" / "release" / "bin" / "polyquant")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--recipes", default="q8_0,q4_0,q4_1,q5_0,q5_1")
    parser.add_argument("--layers-times", type=int, default=1)
    parser.add_argument("--require", type=float, default=0, help="exit 1 if a ratio is below this")
    arguments = parser.parse_args()
    worst = float("inf")
    with tempfile.TemporaryDirectory() as temporary:
        out = pathlib.Path(temporary)
        if arguments.layers_times > 1:
            arguments.model = deeper_model(arguments.model, out / f"{arguments.model.name}-x{arguments.layers_times}", arguments.layers_times)
        bf16 = write_bf16(arguments.polyquant, arguments.model, out / "bf16.gguf")
        print(f"{arguments.model.name}, {arguments.threads} threads, {processor()}, {datetime.date.today()}, median of {arguments.runs} runs\n")
        print("| recipe | polyquant | llama-quantize | ratio | copying the bf16 file |\n|---|---|---|---|---|")
        for recipe in arguments.recipes.split(","):
            ours, theirs, copied = measure(arguments.polyquant, arguments.llama_quantize, recipe, arguments.model, bf16, out,
                                           arguments.threads, arguments.runs)
            worst = min(worst, theirs / ours)
            print(f"| {recipe} | {ours:.2f} s | {theirs:.2f} s | {theirs / ours:.1f}x | {copied:.2f} s |", flush=True)
    sys.exit(1 if worst < arguments.require else 0)


if __name__ == "__main__":
    main()
