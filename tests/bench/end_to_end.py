#!/usr/bin/env python3
"""Speed of whole conversions, beside llama-quantize in the same run: bf16 safetensors -> q8_0, q4_k_m, ... GGUF.

    end_to_end.py MODEL_FOLDER [--imatrix FILE.gguf] [--llama-quantize PATH] [--threads 2] [--runs 5] [--recipes q8_0,q4_0] [--layers-times N]
                  [--require 3] [--markdown FILE]

llama-quantize starts from the bf16 GGUF that polyquant writes of the same folder. Without --llama-quantize its one function is called through
the package cyllama (tests/interop/llama_quantize.py), and the start of Python is not counted. The two run in turn (A B A B ...); the table
shows medians: wall time (of polyquant from start to exit), CPU time of all threads (a busy machine stretches the one, hardly the other), and the
largest peak memory. The time of copying the model file is the limit that the page cache sets. Peak memory of llama.cpp counts the pages of the
mapped source, and Python.
--layers-times: a model with that many times the layers, of which the tokenizer is a smaller part. Prints Markdown.
"""
import argparse
import dataclasses
import datetime
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from deeper_model import deeper_model
from machine import processor

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEER = ROOT / "tests" / "interop" / "llama_quantize.py"


@dataclasses.dataclass
class Use:
    wall: float = 0.0  # seconds
    cpu: float = 0.0
    peak: int = 0  # bytes


def used_by(command):
    start = time.perf_counter()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Use(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def copy_seconds(source, target):
    start = time.perf_counter()
    shutil.copyfile(source, target)
    return time.perf_counter() - start


def peer_use(program, source, target, recipe, threads, imatrix):
    if program:
        return used_by([program, *(["--imatrix", imatrix] if imatrix else []), source, target, recipe, threads])
    command = [sys.executable, PEER, source, target, recipe, "--threads", threads, *(["--imatrix", imatrix] if imatrix else [])]
    wall, cpu, peak = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout.split()
    return Use(float(wall), float(cpu), int(peak))


def write_bf16(polyquant, model, path):
    subprocess.run([str(polyquant), "quantize", str(model), "--recipe", "bf16", "--to", str(path)], check=True, capture_output=True)
    return path


def medians(uses):
    return Use(statistics.median(u.wall for u in uses), statistics.median(u.cpu for u in uses), max(u.peak for u in uses))


def measure_uses(polyquant, peer, recipe, model, bf16, out, threads=2, runs=5, imatrix=None):
    """Medians of `runs` rounds: polyquant and llama-quantize (Use), copying the model file (seconds)."""
    ours, theirs, copies = [], [], []
    command = [polyquant, "quantize", model, "--recipe", recipe, "--to", out / "ours.gguf", "--threads", threads]
    command += ["--imatrix", imatrix] if imatrix else []
    for _ in range(runs + 1):  # the first round warms the page cache up
        for path in (out / "ours.gguf", out / "theirs.gguf", out / "copy"):
            path.unlink(missing_ok=True)
        ours.append(used_by(command))
        theirs.append(peer_use(peer, bf16, out / "theirs.gguf", recipe, threads, imatrix))
        copies.append(copy_seconds(model / "model.safetensors", out / "copy"))
    return medians(ours[1:]), medians(theirs[1:]), statistics.median(copies[1:])


def measure(polyquant, peer, recipe, model, bf16, out, threads=2, runs=5):
    """The wall seconds of measure_uses()."""
    ours, theirs, copied = measure_uses(polyquant, peer, recipe, model, bf16, out, threads, runs)
    return ours.wall, theirs.wall, copied


HEADER = ("| recipe | polyquant | llama-quantize | ratio | CPU time: polyquant | llama-quantize | ratio | peak memory: polyquant | llama-quantize "
          "| copying the bf16 file |\n|---|---|---|---|---|---|---|---|---|---|")


def row(recipe, ours, theirs, copied):
    return (f"| {recipe} | {ours.wall:.2f} s | {theirs.wall:.2f} s | {theirs.wall / ours.wall:.1f}x | {ours.cpu:.2f} s | {theirs.cpu:.2f} s "
            f"| {theirs.cpu / ours.cpu:.1f}x | {ours.peak / 1e6:.0f} MB | {theirs.peak / 1e6:.0f} MB | {copied:.2f} s |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--imatrix", type=pathlib.Path, help="importance matrix of llama-imatrix, for both")
    parser.add_argument("--llama-quantize")
    parser.add_argument("--polyquant", default=ROOT / "build" / "release" / "bin" / "polyquant")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--recipes", default="q8_0,q4_0,q4_1,q5_0,q5_1")
    parser.add_argument("--layers-times", type=int, default=1)
    parser.add_argument("--require", type=float, default=0, help="exit 1 if a ratio of wall times is below this")
    parser.add_argument("--markdown", type=pathlib.Path, help="write a page instead of printing the table")
    arguments = parser.parse_args()
    name, worst = arguments.model.name, float("inf")
    imatrix = f", importance of {arguments.imatrix.name}" if arguments.imatrix else ""
    lines = [f"{name}{f', layers {arguments.layers_times} times' if arguments.layers_times > 1 else ''}{imatrix}, {arguments.threads} threads each, "
             f"{processor()}, {datetime.date.today()}, median of {arguments.runs} runs\n", HEADER]
    print("\n".join(lines), flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        out = pathlib.Path(temporary)
        if arguments.layers_times > 1:
            arguments.model = deeper_model(arguments.model, out / f"{name}-x{arguments.layers_times}", arguments.layers_times)
        bf16 = write_bf16(arguments.polyquant, arguments.model, out / "bf16.gguf")
        for recipe in arguments.recipes.split(","):
            ours, theirs, copied = measure_uses(arguments.polyquant, arguments.llama_quantize, recipe, arguments.model, bf16, out,
                                                arguments.threads, arguments.runs, arguments.imatrix)
            worst = min(worst, theirs.wall / ours.wall)
            lines.append(row(recipe, ours, theirs, copied))
            print(lines[-1], flush=True)
    if arguments.markdown:
        head = f"<!-- Generated by tests/bench/end_to_end.py; do not edit. -->\n\n# Speed of whole conversions\n\n`end_to_end.py {name}"
        head += f" --imatrix {arguments.imatrix.name}" if arguments.imatrix else ""
        head += f" --recipes {arguments.recipes} --threads {arguments.threads} --runs {arguments.runs}`; the method is at the head of the script.\n\n"
        arguments.markdown.write_text(head + "\n".join(lines) + "\n")
    sys.exit(1 if worst < arguments.require else 0)


if __name__ == "__main__":
    main()
