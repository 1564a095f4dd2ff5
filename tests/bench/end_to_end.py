#!/usr/bin/env python3
"""Speed of whole conversions, beside llama-quantize in the same run: bf16 safetensors -> q8_0, q4_0, ... GGUF.

    end_to_end.py MODEL_FOLDER --llama-quantize PATH [--threads 2] [--runs 5] [--recipes q8_0,q4_0]

llama-quantize starts from the bf16 GGUF that polyquant writes of the same folder. The two programs run in turn (A B A B ...); the table shows
medians of whole-process wall times, and the time of copying the model file as the limit that the page cache sets. Prints Markdown.
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

ROOT = pathlib.Path(__file__).resolve().parents[2]


def seconds(command):
    start = time.perf_counter()
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def copy_seconds(source, target):
    start = time.perf_counter()
    shutil.copyfile(source, target)
    return time.perf_counter() - start


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def measure(arguments, recipe, folder, bf16, out):
    ours, theirs, copies = [], [], []
    for _ in range(arguments.runs + 1):  # the first round warms the page cache up
        for path in (out / "ours.gguf", out / "theirs.gguf", out / "copy"):
            path.unlink(missing_ok=True)
        ours.append(seconds([arguments.polyquant, "quantize", folder, "--recipe", recipe, "--to", out / "ours.gguf", "--threads", arguments.threads]))
        theirs.append(seconds([arguments.llama_quantize, bf16, out / "theirs.gguf", recipe, arguments.threads]))
        copies.append(copy_seconds(folder / "model.safetensors", out / "copy"))
    return [statistics.median(values[1:]) for values in (ours, theirs, copies)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--llama-quantize", required=True)
    parser.add_argument("--polyquant", default=ROOT / "build" / "release" / "bin" / "polyquant")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--recipes", default="q8_0,q4_0,q4_1,q5_0,q5_1")
    parser.add_argument("--require", type=float, default=0, help="exit 1 if a ratio is below this")
    arguments = parser.parse_args()
    worst = float("inf")
    with tempfile.TemporaryDirectory() as temporary:
        out = pathlib.Path(temporary)
        bf16 = out / "bf16.gguf"
        subprocess.run([arguments.polyquant, "quantize", arguments.model, "--recipe", "bf16", "--to", bf16], check=True, stdout=subprocess.DEVNULL)
        print(f"{arguments.model.name}, {arguments.threads} threads, {processor()}, {datetime.date.today()}, median of {arguments.runs} runs\n")
        print("| recipe | polyquant | llama-quantize | ratio | copying the bf16 file |\n|---|---|---|---|---|")
        for recipe in arguments.recipes.split(","):
            ours, theirs, copied = measure(arguments, recipe, arguments.model, bf16, out)
            worst = min(worst, theirs / ours)
            print(f"| {recipe} | {ours:.2f} s | {theirs:.2f} s | {theirs / ours:.1f}x | {copied:.2f} s |", flush=True)
    sys.exit(1 if worst < arguments.require else 0)


if __name__ == "__main__":
    main()
