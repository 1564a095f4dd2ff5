#!/usr/bin/env python3
"""How far quantized files are from the model: KLD of ours and of llama-quantize's, same source, same importance matrix, judged by llama.cpp.

    kld.py MODEL_FOLDER --imatrix FILE.gguf --text wiki.eval.txt [--recipes q4_0,q2_k,...] [--chunks 8] [--first 0] [--context 512]
           [--work DIR] [--json FILE] [--markdown FILE] [--require]
    kld.py --from-json FILE[,FILE...] --markdown FILE      a section for each

The reference is the bf16 file that polyquant writes of the folder; llama.cpp is the package xllamacpp (it computes), and cyllama's
llama_model_quantize() (it quantizes). The text is cut into chunks as llama-perplexity does, the second half of each is scored, and
KLD = sum p (log p - log q) over the whole vocabulary, summed in double precision. The reference's log-probabilities are computed once per run.
--first: leave out that many chunks at the start (another slice of the text). --work keeps files and what the judge found; llama-quantize's
are taken from there when they exist, ours are always made again.
"""
import argparse
import datetime
import importlib.metadata
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

import numpy as np

from machine import processor

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "interop"))
import llama_cpp  # noqa: E402

RECIPES = "q4_0,q2_k,q3_k_m,q4_k_m,q5_k_m,q6_k,iq4_xs,iq3_m,iq3_xxs,iq2_m,iq2_xs,iq2_xxs,iq1_m"


def log_softmax(x):
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True, dtype=np.float64)).astype(np.float32)


class Judge:
    """llama.cpp on one slice of a text."""

    def __init__(self, reference, text, context, first, chunks, threads=2):
        self.context, self.threads = context, threads
        model = llama_cpp.Model(reference, context, threads)
        ids = model.tokens(pathlib.Path(text).read_text(encoding="utf-8"))
        chunks = min(chunks or 1 << 30, len(ids) // context - first)
        if chunks <= 0:
            sys.exit(f"{text} has {len(ids)} tokens: no chunk of {context} after the first {first}; take a longer text or smaller numbers")
        self.parts = [ids[k * context:(k + 1) * context] for k in range(first, first + chunks)]
        if model.adds_bos:
            self.parts = [[model.bos] + part[1:] for part in self.parts]
        self.targets = np.concatenate([part[context // 2 + 1:] for part in self.parts])
        self.reference = list(self.log_probabilities(model))
        model.close()

    def log_probabilities(self, model):
        for part in self.parts:
            yield log_softmax(model.logits(part, self.context // 2)[:-1])

    def kld(self, path):
        """Per scored token: KLD, whether the most likely token is the same, -log q of the text's token."""
        model = llama_cpp.Model(path, self.context, self.threads)
        klds, same, rows = [], [], []
        for p, q in zip(self.reference, self.log_probabilities(model)):
            klds.append((np.exp(p) * (p - q)).sum(axis=-1, dtype=np.float64))
            same.append(p.argmax(axis=-1) == q.argmax(axis=-1))
            rows.append(q)
        model.close()
        targets = np.split(self.targets, len(rows))
        nll = np.concatenate([-q[np.arange(len(t)), t] for q, t in zip(rows, targets)])
        return np.concatenate(klds), np.concatenate(same), nll


def summary(found, size):
    klds, same, nll = found
    return {"bytes": size, "mean": float(klds.mean()), "stderr": float(klds.std(ddof=1) / len(klds) ** 0.5), "median": float(np.median(klds)),
            "p99": float(np.quantile(klds, 0.99)), "same_top": float(same.mean()), "perplexity": float(np.exp(nll.mean()))}


def make_theirs(options, source, target, recipe):
    if not target.exists():
        command = [sys.executable, ROOT / "tests" / "interop" / "llama_quantize.py", source, target.with_suffix(".partial"), recipe]
        subprocess.run([*map(str, command), *(["--imatrix", options.imatrix] if options.imatrix else [])], check=True, stdout=subprocess.DEVNULL)
        target.with_suffix(".partial").rename(target)


def make_ours(options, target, recipe):
    command = [options.polyquant, "quantize", options.model, "--recipe", recipe, "--to", target, "--threads", 2, "--force", *options.ours]
    command += ["--imatrix", options.imatrix] if options.imatrix else []
    made = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if made.returncode != 0:
        sys.exit(f"polyquant {recipe}: exit code {made.returncode}\n{made.stderr}")


def judged(judge, path, kept):
    """What the judge finds, from the file `kept` if it is younger than the model file."""
    if kept and kept.exists() and kept.stat().st_mtime >= path.stat().st_mtime:
        with np.load(kept) as saved:
            return saved["klds"], saved["same"], saved["nll"]
    found = judge().kld(path)
    if kept:
        np.savez(kept, **dict(zip(("klds", "same", "nll"), found)))
    return found


def compare(options, work, recipe, judge):
    ours, theirs = work / f"{recipe}.ours.gguf", work / f"{recipe}.theirs{'' if options.imatrix else '-plain'}.gguf"
    make_ours(options, ours, recipe)
    a = judge().kld(ours)
    result = {"recipe": recipe, "ours": summary(a, ours.stat().st_size)}
    make_theirs(options, work / "bf16.gguf", theirs, recipe)
    b = judged(judge, theirs, theirs.with_suffix(f".{options.first}-{options.chunks}-{options.context}.npz") if options.work else None)
    difference = a[0] - b[0]
    result |= {"theirs": summary(b, theirs.stat().st_size), "difference": float(difference.mean()),
               "difference_stderr": float(difference.std(ddof=1) / len(difference) ** 0.5)}
    if not options.work:
        ours.unlink()
        theirs.unlink()
    return result


def run(options):
    with tempfile.TemporaryDirectory() as temporary:
        work, made = pathlib.Path(options.work or temporary), []
        work.mkdir(exist_ok=True, parents=True)
        bf16 = work / "bf16.gguf"
        if not bf16.exists():
            subprocess.run([str(options.polyquant), "quantize", str(options.model), "--recipe", "bf16", "--to", str(bf16)], check=True, capture_output=True)

        def judge():
            if not made:
                made.append(Judge(bf16, options.text, options.context, options.first, options.chunks, options.threads))
            return made[0]

        results = []
        for recipe in options.recipes.split(","):
            results.append(compare(options, work, recipe, judge))
            print(line(results[-1]), file=sys.stderr, flush=True)
        tokens = len(judge().targets)
    version = subprocess.run([str(options.polyquant), "--version"], capture_output=True, text=True).stdout.strip()
    arguments = f"{options.model.name} --imatrix {pathlib.Path(options.imatrix).name}" if options.imatrix else options.model.name
    title = f"{options.model.name}, {'the same importance matrix' if options.imatrix else 'without importance'}, chunks {options.first} to {options.first + options.chunks - 1}"
    return {"title": title, "command": f"kld.py {arguments} --text {options.text.name} --recipes {options.recipes} --chunks {options.chunks} --first {options.first} "
                       f"--context {options.context}" + (f' --ours="{shlex.join(options.ours)}"' if options.ours else ""),
            "date": str(datetime.date.today()), "processor": processor(), "polyquant": version, "tokens": tokens,
            "judge": f"xllamacpp {importlib.metadata.version('xllamacpp')}", "llama_quantize": f"cyllama {importlib.metadata.version('cyllama')}",
            "results": results}


HEADER = ("| recipe | MB, theirs | mean KLD, theirs | difference | median, theirs | 99 %, theirs | same top, theirs | perplexity, theirs |\n"
          "|---|---|---|---|---|---|---|---|")


def line(r):
    a, b = r["ours"], r["theirs"]

    def pair(key, digits=4):
        return f"{a[key]:.{digits}f}, {b[key]:.{digits}f}"

    return (f"| {r['recipe']} | {a['bytes'] / 1e6:.2f}, {b['bytes'] / 1e6:.2f} | {a['mean']:.4f} ± {a['stderr']:.4f}, {b['mean']:.4f} ± {b['stderr']:.4f} "
            f"| {r['difference']:+.4f} ± {r['difference_stderr']:.4f} ({100 * r['difference'] / b['mean']:+.1f} %) | {pair('median')} | {pair('p99', 3)} "
            f"| {pair('same_top')} | {pair('perplexity', 2)} |")


def uncertain(results):
    """What is no certain gain, and what is none."""
    doubtful = [f"{r['recipe']} ({r['difference']:+.4f} ± {r['difference_stderr']:.4f})" for r in results if -r["difference"] < 2 * r["difference_stderr"]]
    worse = [f"{words} of {', '.join(names)}" for key, words in (("median", "median"), ("p99", "99 %"), ("perplexity", "perplexity"))
             if (names := [r["recipe"] for r in results if r["ours"][key] > r["theirs"][key]])]
    return ((f"No certain gain, less than two standard errors below llama-quantize's mean: {', '.join(doubtful)}. " if doubtful else "") +
            (f"Worse than llama-quantize's: {'; '.join(worse)}. " if worse else "")).strip()


def markdown(data):
    """One page: a section for each of the measurements."""
    text = ["<!-- Generated by tests/bench/kld.py; do not edit. -->\n\n# Quality of files beside llama-quantize's\n\nHow far a quantized file is from the "
            "bf16 file of the same model, ours first and llama-quantize's second, from the same importance\nmatrix. KLD: mean over the scored tokens, "
            "± standard error; the difference is paired token by token. The method is described at the head of\nthe script; which weights ours are made "
            "with, in [ADR 15](../adr/0015-what-errors-count.md).\n"]
    for part in data if isinstance(data, list) else [data]:
        doubtful = uncertain(part["results"])
        text.append(f"## {part['title']}\n\n`{part['command']}`\n\n{part['date']}, {part['processor']}, {part['polyquant']}; files of llama-quantize: "
                    f"{part['llama_quantize']}; judge: {part['judge']}; {part['tokens']} scored tokens.\n\n" + (f"{doubtful}\n\n" if doubtful else "") + HEADER)
        text += [line(r) for r in part["results"]] + [""]
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, nargs="?")
    parser.add_argument("--imatrix", help="none: both quantize without importance")
    parser.add_argument("--text", type=pathlib.Path)
    parser.add_argument("--recipes", default=RECIPES)
    parser.add_argument("--chunks", type=int, default=8)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work")
    parser.add_argument("--polyquant", type=pathlib.Path, default=ROOT / "build" / "release" / "bin" / "polyquant")
    parser.add_argument("--ours", type=shlex.split, default=[], help='more arguments of polyquant quantize, as --ours="--effort best"')
    parser.add_argument("--from-json", help="files of --json, with commas")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    parser.add_argument("--require", action="store_true", help="exit 1 if one of ours is not below theirs")
    options = parser.parse_args()
    data = [json.loads(pathlib.Path(name).read_text()) for name in options.from_json.split(",")] if options.from_json else run(options)
    if options.json:
        options.json.write_text(json.dumps(data, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(markdown(data))
    if not options.markdown and not options.json:
        print(markdown(data))
    worse = [r["recipe"] for part in (data if isinstance(data, list) else [data]) for r in part["results"] if r["difference"] >= 0]
    if options.require and worse:
        sys.exit(f"not below llama-quantize: {', '.join(worse)}")


if __name__ == "__main__":
    main()
