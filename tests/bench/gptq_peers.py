#!/usr/bin/env python3
"""GPTQ beside GPTQModel: the same model, the same calibration tokens, the same bits and groups, 2 threads each, in one run. Which folder computes more of
what the model computes, and which is there first?

    gptq_peers.py [--polyquant build/release/bin/polyquant] [--bits 4 ...] [--group 128] [--samples 128] [--length 512] [--chunks 16] [--threads 2]
                  [--quantizer gptq] [--layers N] [--work DIR]

Judge: `polyquant eval FOLDER --reference`, chunks of 512 tokens of wiki.eval.txt of which the second half is scored, against the model's bf16 folder;
both folders have GPTQ's own layout and the same kernels run them. Time: polyquant with start, reading and writing; GPTQModel's quantize() alone, without
start, loading and saving; and the processor time of each, which a busy machine changes less. With --work, what is there already is judged again but not made
again, with the times that are kept beside it; made with other options, it is refused. --layers quantizes only the first N layers of the model in both; the others stay. Runs in the environment of tests/acceptance/test_packed_peers.py; exit code 77 without it. Prints Markdown.
"""
import argparse
import datetime
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import kept

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "acceptance"))
from common import CACHE, PROGRAM, WIDE, model, skip, text  # noqa: E402

PYTHON = CACHE / "packed-peers" / "bin" / "python"
PEER = """
import json, sys, time, torch
bits, group, source, tokens, target, threads = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:6], int(sys.argv[6])
left = "|".join(sys.argv[7:])
torch.set_num_threads(threads)
from gptqmodel import GPTQModel, QuantizeConfig
samples = [json.loads(line)["tokens"] for line in open(tokens)]
data = [{"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)} for ids in samples]
peer = GPTQModel.load(source, QuantizeConfig(bits=bits, group_size=group, desc_act=False, sym=True, dynamic={f"-:.*layers[.]({left})[.].*": {}} if left else None), device="cpu")
start, before = time.perf_counter(), time.process_time()
peer.quantize(data, batch_size=1)
seconds, processor = time.perf_counter() - start, time.process_time() - before
peer.save(target)
print("RESULT " + json.dumps({"seconds": seconds, "processor": processor}))
"""


def run(program, *arguments):
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{program} {arguments}: {done.stderr[-2000:]}")
    return done.stdout


def cut(args, folder, work):
    """Samples that both take as they are: consecutive tokens of the calibration text."""
    ids = []
    for line in text("calibration.jsonl").read_text().splitlines():
        ids += [int(t) for t in run(args.polyquant, "tokens", folder, json.loads(line)["text"][:60000]).split()]
        if len(ids) >= args.samples * args.length:
            break
    file = work / "tokens.jsonl"
    samples = [ids[i * args.length:(i + 1) * args.length] for i in range(min(args.samples, len(ids) // args.length))]
    file.write_text("".join(json.dumps({"tokens": sample}) + "\n" for sample in samples))
    return file, len(samples)


def judge(args, folder, reference, keep=False):
    flags = ["--keep-reference", reference, "--force"] if keep else ["--reference", reference]
    return json.loads(run(args.polyquant, "eval", folder, "--text", text("wiki.eval.txt"), "--chunks", args.chunks, "--json", *flags)).get("kld")


def children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ours(args, bits, folder, tokens, samples, target):
    start, before = time.perf_counter(), children()
    rest = "".join(f", {{match: 'layers[.]{i}[.]', encoding: bf16}}" for i in args.left)
    run(args.polyquant, "quantize", folder, "--format", "gptq", "--encoding", f"affine:bits={bits},group={args.group},symmetric=true", "--quantizer", args.quantizer,
        "--calibration", tokens, "--samples", samples, "--length", args.length, "--threads", args.threads, "--to", target,
        "--set", "outputs.0.rules=[{match: embedding, encoding: bf16}" + rest + "]", "--force")
    return {"seconds": time.perf_counter() - start, "processor": children() - before}


def theirs(args, bits, folder, tokens, target):
    # Workers are the threads that quantize the matrices of a layer side by side; by itself GPTQModel takes one for two processors, at
    # most 12. Here it gets as many as polyquant has threads, but 2 at least: with 1 it ends at its start ("'model_loader:cpu' requests 2 workers", 7.7.0).
    environment = {**os.environ, "GPTQMODEL_CPU_WORKERS": str(max(2, args.threads)), "GPTQMODEL_DISABLE_PACK_EXT": "1", "OMP_NUM_THREADS": str(args.threads)}
    done = subprocess.run([str(PYTHON), "-c", PEER, str(bits), str(args.group), str(folder), str(tokens), str(target), str(args.threads),
                           *map(str, args.left)],
                          capture_output=True, text=True, env=environment, cwd=target.parent, check=False)  # it writes logs there
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        sys.exit(f"GPTQModel failed: {done.stderr[-2000:]}")
    return json.loads(lines[-1][7:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polyquant", type=pathlib.Path, default=PROGRAM)
    parser.add_argument("--bits", type=int, nargs="+", default=[4, 3, 2])
    for name, value in (("group", 128), ("samples", 128), ("length", 512), ("chunks", 16), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--quantizer", default="gptq")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--work", type=pathlib.Path)
    args = parser.parse_args()
    if not PYTHON.exists():
        skip(f"{PYTHON.parents[1]} is missing; POLYQUANT_TORCH=1 tests/acceptance/test_packed_peers.py makes it")
    folder, work = model(WIDE), (args.work or pathlib.Path(tempfile.mkdtemp())).resolve()
    work.mkdir(parents=True, exist_ok=True)
    every = json.loads((folder / "config.json").read_text())["num_hidden_layers"]
    args.left = range(min(args.layers or every, every), every)
    tokens, samples = cut(args, folder, work)
    same = {"model": kept.content(folder), "samples": samples, "length": args.length, "layers": args.left.start, "group": args.group,
            "threads": args.threads, "tokens": kept.content(tokens)}
    judge(args, folder, work / "reference", keep=True)
    print(f"`gptq_peers.py`, {datetime.date.today()}: {folder.name}, {args.left.start} of {every} layers, {samples} samples of {args.length} tokens, groups of {args.group}, symmetric, "
          f"{args.threads} threads, {args.chunks} chunks judged\n\n"
          "| bits | mean KLD: polyquant | GPTQModel | | median | | seconds | | | processor seconds | | |\n|---|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for bits in args.bits:
        a, b = work / f"ours-{bits}", work / f"theirs-{bits}"
        mine = kept.result(work / f"{a.name}.json", same | {"bits": bits, "quantizer": args.quantizer}, lambda: ours(args, bits, folder, tokens, samples, a))
        peers = kept.result(work / f"{b.name}.json", same | {"bits": bits}, lambda: theirs(args, bits, folder, tokens, b))
        x, y = judge(args, a, work / "reference"), judge(args, b, work / "reference")
        times = " | ".join(f"{mine[what]:.1f} | {peers[what]:.1f} | {peers[what] / mine[what]:.1f}x" for what in ("seconds", "processor"))
        print(f"| {bits} | {x['mean']:.4f} ± {x['stderr']:.4f} | {y['mean']:.4f} ± {y['stderr']:.4f} | {100 * (x['mean'] / y['mean'] - 1):+.0f} % "
              f"| {x['median']:.4f} | {y['median']:.4f} | {times} |", flush=True)


if __name__ == "__main__":
    main()
