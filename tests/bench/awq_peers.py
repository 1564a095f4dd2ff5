#!/usr/bin/env python3
"""AWQ beside AutoAWQ: the same model, the same calibration tokens, 4-bit groups with zero points, 2 threads each, in one run. Which folder computes more of
what the model computes, and which is there first?

    awq_peers.py [--polyquant build/release/bin/polyquant] [--group 128] [--samples 128] [--length 512] [--chunks 16] [--threads 2]
                 [--quantizer awq awq+gptq ...] [--dtype float32] [--layers N] [--python PYTHON] [--work DIR]

Judge: `polyquant eval FOLDER --reference`, chunks of 512 tokens of wiki.eval.txt of which the second half is scored, against the model's bf16 folder; all
folders have AutoAWQ's own layout (GEMM) and the same kernels run them. Time: polyquant with start, reading and writing; AutoAWQ's quantize() (scales,
clipping, packing) alone, without start, loading and saving; and the processor time of each, which a busy machine changes less.

AutoAWQ is archived and wants a transformers of its time; POLYQUANT_TORCH=1 installs both into an environment of their own (4 GB). Its quantizer runs on the
CPU with one change: before its trials it keeps the weights with .cpu(), which copies them from a GPU only, so that the first trial spoils them (mean KLD
6.6 instead); here they are copied. Two things make it several times faster without another result: oneDNN's products in f32, which torch does not take by itself
on every processor, and memory that is kept rather than returned after each. Samples go in as token ids. f16, its default, has no instructions of its own on most CPUs and is 4 times slower there: hence --dtype.
--layers quantizes only the first N layers of the model in both; the others stay. With --work, what is there already (AutoAWQ's
folder with its figures) is judged again but not made again; made with other options, it is refused. Exit code 77 without the environment.
"""
import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import kept
from gptq_peers import children, cut, judge, run

from common import CACHE, PROGRAM, WIDE, model, skip

PYTHON = CACHE / "awq-peers" / "bin" / "python"
PACKAGES = [["torch", "transformers==4.51.3", "tokenizers<0.22", "huggingface_hub<1", "accelerate==1.6.0", "datasets<4", "zstandard"], ["--no-deps", "autoawq==0.2.9"]]
# For glibc: what is freed stays with the program.
KEPT_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(10**11), "MALLOC_TOP_PAD_": str(10**9)}
PEER = """
import json, sys, time, torch
source, tokens, target, group, threads, dtype, layers = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6], int(sys.argv[7])
torch.set_num_threads(threads)
if dtype == "float32":
    torch.nn.functional.linear = lambda x, weight, bias=None: torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
from awq import AutoAWQForCausalLM
from awq.quantize.quantizer import AwqQuantizer
class First(AwqQuantizer):
    def init_quant(self, *arguments, **options):
        modules, *rest = super().init_quant(*arguments, **options)
        return modules[:layers], *rest
    def _compute_best_scale(self, x, w_mean, x_mean, module2inspect, *rest):
        kept = type(module2inspect).state_dict(module2inspect)
        module2inspect.state_dict = lambda: {name: value.clone() for name, value in kept.items()}
        try:
            return super()._compute_best_scale(x, w_mean, x_mean, module2inspect, *rest)
        finally:
            del module2inspect.state_dict
samples = [json.loads(line)["tokens"] for line in open(tokens)]
peer = AutoAWQForCausalLM.from_pretrained(source, torch_dtype=getattr(torch, dtype), device_map="cpu")
left = [f"layers.{i}." for i in range(layers, peer.config.num_hidden_layers)]
start, before = time.perf_counter(), time.process_time()
peer.quantize(None, quant_config={"zero_point": True, "q_group_size": group, "w_bit": 4, "version": "GEMM", "modules_to_not_convert": left or None}, calib_data=samples,
              max_calib_samples=len(samples), max_calib_seq_len=len(samples[0]), n_parallel_calib_samples=16, quantizer_cls=First)
seconds, processor = time.perf_counter() - start, time.process_time() - before
peer.save_quantized(target)
print("RESULT " + json.dumps({"seconds": seconds, "processor": processor}))
"""


def environment(python):
    if not python.exists() and os.environ.get("POLYQUANT_TORCH") == "1":
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=False)
        for packages in PACKAGES:
            if subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=False).returncode != 0:
                break
    if subprocess.run([str(python), "-c", "import awq"], capture_output=True, check=False).returncode != 0 if python.exists() else True:
        skip(f"AutoAWQ does not work in {python.parents[1]}; POLYQUANT_TORCH=1 installs it where there is nothing yet (4 GB)")


def ours(args, quantizer, folder, tokens, samples, target):
    start, before = time.perf_counter(), children()
    every = json.loads((folder / "config.json").read_text())["num_hidden_layers"]
    rest = "".join(f", {{match: 'layers[.]{i}[.]', encoding: bf16}}" for i in range(args.layers, every))
    run(args.polyquant, "quantize", folder, "--format", "awq", "--encoding", f"affine:bits=4,group={args.group},symmetric=false", "--quantizer", quantizer,
        "--calibration", tokens, "--samples", samples, "--length", args.length, "--threads", args.threads, "--to", target, "--force",
        "--set", "outputs.0.rules=[{match: embedding, encoding: bf16}" + rest + "]")
    return {"seconds": time.perf_counter() - start, "processor": children() - before}


def theirs(args, folder, tokens, target):
    log = target.parent / "autoawq.log"
    with log.open("w") as errors:
        done = subprocess.run([str(args.python), "-c", PEER, str(folder), str(tokens), str(target), str(args.group), str(args.threads), args.dtype,
                               str(args.layers)], stdout=subprocess.PIPE,
                              stderr=errors, text=True, env={**os.environ, **KEPT_MEMORY, "OMP_NUM_THREADS": str(args.threads)}, cwd=target.parent, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        sys.exit(f"AutoAWQ failed: {log.read_text()[-2000:]}")
    for file in folder.glob("*token*"):
        shutil.copy(file, target / file.name)
    return json.loads(lines[-1][7:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polyquant", type=pathlib.Path, default=PROGRAM)
    for name, value in (("group", 128), ("samples", 128), ("length", 512), ("chunks", 16), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--layers", type=int)
    parser.add_argument("--quantizer", nargs="+", default=["awq", "awq+gptq"])
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--python", type=pathlib.Path, default=PYTHON)
    parser.add_argument("--work", type=pathlib.Path)
    args = parser.parse_args()
    environment(args.python)
    every = json.loads((model(WIDE) / "config.json").read_text())["num_hidden_layers"]
    args.layers = min(args.layers or every, every)
    folder, work = model(WIDE), (args.work or pathlib.Path(tempfile.mkdtemp())).resolve()
    work.mkdir(parents=True, exist_ok=True)
    tokens, samples = cut(args, folder, work)
    same = {"model": kept.content(folder), "samples": samples, "length": args.length, "layers": args.layers, "group": args.group,
            "threads": args.threads, "dtype": args.dtype, "tokens": kept.content(tokens)}
    judge(args, folder, work / "reference", keep=True)
    print(f"`awq_peers.py`, {datetime.date.today()}: {folder.name}, {args.layers} of {every} layers, {samples} samples of {args.length} tokens, groups of {args.group} with zero points, {args.threads} threads, "
          f"AutoAWQ in {args.dtype}, {args.chunks} chunks judged\n\n| | mean KLD | median | seconds | processor seconds | AutoAWQ's / these |\n|---|---|---|---|---|---|", flush=True)
    rows = [(quantizer, work / f"ours-{quantizer}", ours(args, quantizer, folder, tokens, samples, work / f"ours-{quantizer}")) for quantizer in args.quantizer]
    peer = kept.result(work / "theirs.json", same, lambda: theirs(args, folder, tokens, work / "theirs"))
    for name, made, time_of in [*rows, ("AutoAWQ", work / "theirs", peer)]:
        kld = judge(args, made, work / "reference")
        print(f"| {name} | {kld['mean']:.4f} ± {kld['stderr']:.4f} | {kld['median']:.4f} | {time_of['seconds']:.1f} | {time_of['processor']:.1f} "
              f"| {peer['seconds'] / time_of['seconds']:.1f}x, {peer['processor'] / time_of['processor']:.1f}x |", flush=True)


if __name__ == "__main__":
    main()
