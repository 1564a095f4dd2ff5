#!/usr/bin/env python3
"""Speed of NF4, beside bitsandbytes in the same run, on the same threads.

    nf4_speed.py [MODEL_FOLDER] [--program build/release/bin/polyquant] [--threads 2] [--runs 3] [--require 10]

End to end: a Hugging Face folder becomes one with NF4 weights (transformers: from_pretrained with load_in_4bit on the CPU, then save_pretrained; polyquant:
quantize). The programs run in turn; figures are medians of wall time, and of processor time, which a busy machine changes less; starting Python and loading its
packages is not counted, starting polyquant is.
Runs in the environment of tests/acceptance/test_bitsandbytes.py, and is skipped (exit code 77) without it. Prints Markdown.
"""
import argparse
import datetime
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "acceptance"))
from common import PROGRAM, SMOL, model  # noqa: E402
from test_bitsandbytes import with_bitsandbytes  # noqa: E402


def library(source, target):
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig
    options = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
    start, before = time.perf_counter(), time.process_time()
    AutoModelForCausalLM.from_pretrained(source, quantization_config=options, device_map="cpu").save_pretrained(target)
    return time.perf_counter() - start, time.process_time() - before


def children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def polyquant(program, source, target, threads):
    start, before = time.perf_counter(), children()
    subprocess.run([program, "quantize", source, "--to", target, "--format", "bitsandbytes", "--encoding", "nf4", "--threads", str(threads),
                    "--set", "outputs.0.rules=[{match: embedding, encoding: bf16}]", "--force"], check=True, capture_output=True)
    return time.perf_counter() - start, children() - before


def main():
    with_bitsandbytes()
    import bitsandbytes
    import torch
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=pathlib.Path)
    parser.add_argument("--program", type=pathlib.Path, default=PROGRAM)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--require", type=float, default=0, help="exit 1 if polyquant is not this many times as fast")
    arguments = parser.parse_args()
    source = arguments.model or model(SMOL)
    torch.set_num_threads(arguments.threads)
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as out:
        for run in range(arguments.runs):
            ours.append(polyquant(arguments.program, source, f"{out}/ours", arguments.threads))
            theirs.append(library(source, f"{out}/theirs{run}"))
    (a, our_processor), (b, their_processor) = ([statistics.median(column) for column in zip(*runs)] for runs in (ours, theirs))
    print(f"`nf4_speed.py {source.name} --threads {arguments.threads} --runs {arguments.runs}`, {datetime.date.today()}, bitsandbytes "
          f"{bitsandbytes.__version__}\n\n| program | seconds | processor seconds |\n|---|---|---|\n| bitsandbytes, absmax | {b:.2f} | {their_processor:.2f} |\n"
          f"| polyquant, searched scales | {a:.2f} | {our_processor:.2f} |\n\n{b / a:.1f}x, {their_processor / our_processor:.1f}x by processor time")
    sys.exit(1 if b < arguments.require * a else 0)


if __name__ == "__main__":
    main()
