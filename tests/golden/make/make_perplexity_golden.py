#!/usr/bin/env python3
"""Perplexity of the test models as transformers computes it in float32, by the protocol of llama-perplexity.

    make_perplexity_golden.py --models DIR --out FILE [--gguf DIR --peers DIR --llama-python PYTHON]

--models        folder of make_models.py and make_texts.py (wiki.eval.txt)
--gguf          folder with <model>-F16.converter.gguf of make_convert_golden.py, for the comparison with llama.cpp
--peers         folder with llama_cpp.py; --llama-python is a Python with numpy and xllamacpp

Protocol (function `chunks` of llama_cpp.py): the whole text is tokenized once, with BOS in front if the model adds one; the ids are cut
into chunks of 512 without overlap and the rest is dropped; in a chunk the first id is replaced by BOS if the model adds one; the
logits after positions 256 .. 510 are scored against the ids at 257 .. 511 (255 per chunk).
perplexity = exp(mean negative log-likelihood over all scored tokens).

Needs torch, transformers, tokenizers, numpy; no network. Text is tokenized by the `tokenizers` library straight from tokenizer.json,
because transformers 5 replaces the pre-tokenizer of some files.
"""
import argparse
import datetime
import hashlib
import importlib.metadata
import json
import pathlib
import platform
import subprocess
import time

import numpy as np

CONTEXT = 512
# model, chunks scored, chunk counts reported, BOS id in front or None
RUNS = (("SmolLM2-135M-Instruct", (8, 20), None), ("SmolLM2-135M-wide", (8, 20), None), ("gemma-3-270m", (8,), 2))

LLAMA = r'''
import json, sys
sys.path.insert(0, sys.argv[1])
import llama_cpp
import numpy as np
model = llama_cpp.Model(sys.argv[2], 512, 1)
nll = [float(-logp[np.arange(len(t)), t].mean()) for logp, t in llama_cpp.chunks(model, sys.argv[3], 512, int(sys.argv[4]))]
ids = model.tokens(open(sys.argv[3], encoding="utf-8").read())
print(json.dumps({"nll": nll, "adds_bos": model.adds_bos, "ids": ids}))
'''


def token_ids(folder, text, bos):
    from tokenizers import Tokenizer
    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=True).ids
    assert (ids[0] == bos) == (bos is not None), "tokenizer.json and RUNS disagree about BOS"
    return ids


def chunk_nll(folder, ids, chunks, bos):
    """Mean negative log-likelihood of each chunk: float32 arithmetic on the stored bf16 weights."""
    import torch
    from transformers import AutoModelForCausalLM
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    first, out = CONTEXT // 2, []
    for k in range(chunks):
        part = ids[k * CONTEXT:(k + 1) * CONTEXT]
        inputs = part if bos is None else [bos] + part[1:]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([inputs]), use_cache=False).logits[0, first:-1].double()
        logp = torch.log_softmax(logits, dim=-1)
        out.append(-logp.gather(1, torch.tensor(part[first + 1:])[:, None]).mean().item())
        print(f"  chunk {k + 1}/{chunks}: {np.exp(np.mean(out)):.4f}", flush=True)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--gguf", type=pathlib.Path)
    parser.add_argument("--peers")
    parser.add_argument("--llama-python")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    import torch
    torch.set_num_threads(1)
    text_file = args.models / "wiki.eval.txt"
    raw = text_file.read_bytes()
    rows = []
    for name, counts, bos in RUNS:
        if args.only and name not in args.only.split(","):
            continue
        print(name, flush=True)
        folder = args.models / name
        ids = token_ids(folder, raw.decode(), bos)
        start = time.time()
        nll = chunk_nll(folder, ids, max(counts), bos)
        used = np.array(ids[:max(counts) * CONTEXT], "<u4")
        row = {"model": name, "model_sha256": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(), "text": text_file.name,
               "text_sha256": hashlib.sha256(raw).hexdigest(), "context": CONTEXT, "bos": bos, "text_tokens": len(ids),
               "scored_per_chunk": CONTEXT - CONTEXT // 2 - 1, "used_ids_sha256": hashlib.sha256(used.tobytes()).hexdigest(),
               "first_ids": ids[:16], "nll_per_chunk": [float(f"{x:.8g}") for x in nll]}
        other = None
        if args.gguf:
            gguf = args.gguf / f"{name}-F16.converter.gguf"
            if not gguf.exists():
                gguf = args.gguf / f"{name}-BF16.converter.gguf"
            done = subprocess.run([args.llama_python, "-c", LLAMA, args.peers, str(gguf), str(text_file), str(max(counts))],
                                  capture_output=True, text=True, check=True)
            other = json.loads(done.stdout.splitlines()[-1])
            row |= {"llama_cpp_file": gguf.name, "llama_cpp_adds_bos": other["adds_bos"], "llama_cpp_same_ids": other["ids"] == ids}
        row["results"] = []
        for chunks in counts:
            result = {"chunks": chunks, "scored_tokens": chunks * row["scored_per_chunk"],
                      "perplexity_transformers_f32": float(f"{np.exp(np.mean(nll[:chunks])):.7g}")}
            if other:
                result["perplexity_llama_cpp"] = float(f"{np.exp(np.mean(other['nll'][:chunks])):.7g}")
                result["relative_difference"] = float(f"{result['perplexity_llama_cpp'] / result['perplexity_transformers_f32'] - 1:.3g}")
            row["results"].append(result)
            print("  ", result, flush=True)
        rows.append(row)
        print(f"  {time.time() - start:.0f} s", flush=True)
    versions = {n: importlib.metadata.version(n) for n in ("torch", "transformers", "tokenizers", "numpy")} | {"python": platform.python_version()}
    if args.gguf:
        versions["xllamacpp"] = subprocess.run([args.llama_python, "-c", "import importlib.metadata as m; print(m.version('xllamacpp'))"],
                                               capture_output=True, text=True, check=True).stdout.strip()
    protocol = "llama-perplexity; see make_perplexity_golden.py. transformers: float32, eager attention, no cache. llama.cpp: f16 KV cache"
    head = {"protocol": protocol, "date": datetime.date.today().isoformat(), "packages": versions}
    args.out.write_text(json.dumps(head | {"models": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
