#!/usr/bin/env python3
"""What error feedback does to a whole model: KLD of files by gptq, or by lists with it, beside plain ones of the same size, on several texts and calibration seeds.

    error_feedback.py MODEL_FOLDER --calibration FILE --text FILE [FILE ...] --work DIR --json FILE [--types q4_k nf4 affine:bits=4,group=128 ...]
                      [--quantizers plain gptq ...] [--also TYPE/QUANTIZER ...] [--samples 128] [--length 512] [--seeds 0 1 2] [--chunks 16]
                      [--recipes q4_k_m ...] [--recipe-quantizers gptq ...] [--commit ID] [--markdown FILE]
    error_feedback.py --from-json FILE [FILE ...] --markdown FILE

--types: every block matrix has that one type; embeddings and norms stay bf16. `plain` is rtn: for the types of GGUF with importance from the
same calibration, for nf4, fp4 and affine with `effort: fast`, which is the absolute maximum and the smallest and largest weight of a group. Judge:
`polyquant eval`, KLD from the model's bf16 file, chunks of 512 tokens of which the second half is scored.
--recipes: whole files by each of --recipe-quantizers beside those of llama-quantize with an importance matrix of the same samples; judge: llama.cpp (tests/bench/kld.py).

One pipeline makes all files of a seed, so they share the calibration. What --json has already is not made again, and it is written after every
figure: the same command goes on where it was stopped. Of another model, calibration or text neither it nor --work is taken. Files are deleted when all texts have judged them."""
import argparse
import collections
import datetime
import json
import pathlib
import re
import shutil
import subprocess
import sys

import error_feedback_page
import kept
from machine import processor

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINEAR = r"^(blk\.[0-9]+\.(attn_[qkv]|attn_output|ffn_(up|gate|down))|model\.layers\.[0-9]+\.(self_attn|mlp)\.[a-z]+_proj)\.weight$"
TYPES = "q4_k q3_k q2_k q4_0 iq4_xs iq3_xxs iq3_s iq2_xs iq2_s nf4 affine:bits=4,group=128 affine:bits=3,group=128".split()
FREE_OF_GGUF = ("nf4", "fp4", "affine")

Job = collections.namedtuple("Job", "type quantizer seed samples length")


def component(spec):
    """{"type": "gptq", "refine": 0} of "gptq:refine=0"."""
    def value(text):
        return float(text) if re.fullmatch(r"[0-9]*\.[0-9]+", text) else int(text) if text.isdigit() else text

    name, _, options = spec.partition(":")
    pairs = (option.split("=") for option in options.split(",") if option)
    return {"type": name, **{key: value(text) for key, text in pairs}}


def quantizers(spec):
    """What `quantizer:` is for a spec: rtn for `plain`, a list for `awq+gptq:refine=c`."""
    parts = [component("rtn" if part == "plain" else part) for part in spec.split("+")]
    return parts if len(parts) > 1 else parts[0]


def make_job(kind, quantizer, seed, samples, length):
    """A plain file of free groups is the same for every calibration."""
    free = quantizer == "plain" and kind.startswith(FREE_OF_GGUF)
    return Job(kind, quantizer, *((0, 0, 0) if free else (seed, samples, length)))


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


class Bench:
    def __init__(self, options):
        self.options = options
        self.work = options.work.resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        self.data = self.known() | {"model": options.model.name, "polyquant": run(options.polyquant, "--version").strip(),
                                    "date": str(datetime.date.today()), "processor": processor(), "threads": options.threads}
        if options.commit:
            self.data["commit"] = options.commit

    def known(self):
        """What --json holds, for the same model, calibration and texts of these names."""
        options = self.options
        same = {"model": kept.content(options.model), "calibration": kept.content(options.calibration)}
        texts = {f"text {text.name}": kept.content(text) for text in options.text}
        kept.same(self.work / "options.json", same)
        for name, text in texts.items():
            kept.same(self.work / f"{name.replace(' ', '-')}.options.json", {name: text})
        data = json.loads(options.json.read_text()) if options.json.exists() else {"results": [], "recipes": [], "contents": same}
        contents = data.get("contents", {})
        kept.check(options.json, contents, same)
        kept.check(options.json, texts | contents, texts)
        return data | {"contents": texts | contents}

    def save(self):
        partial = self.options.json.with_suffix(".partial")
        partial.write_text(json.dumps(self.data, indent=1) + "\n")
        partial.rename(self.options.json)

    def missing(self, job):
        """The texts that have not judged it."""
        return [text for text in self.options.text if not any(
            r["text"] == text.name and r["chunks"] == self.options.chunks and Job(*(r[f] for f in Job._fields)) == job for r in self.data["results"])]

    def path(self, job):
        name = re.sub("[^a-z0-9]+", "-", f"{job.type}-{job.quantizer}-{job.samples}x{job.length}-seed-{job.seed}")
        return self.work / (name if job.type.startswith(FREE_OF_GGUF) else name + ".gguf")

    def output(self, job):
        base = {"encoding": "bf16", "rules": [{"match": LINEAR, "encoding": component(job.type)}], "to": str(self.path(job)),
                "quantizer": quantizers(job.quantizer)}
        if job.type.startswith(FREE_OF_GGUF):
            return base | {"format": "safetensors", "options": {"packed": True}}
        return base | {"format": "gguf"}

    def make(self, name, outputs, like, fast=False):
        """One pipeline; one that was stopped goes on."""
        pipeline = {"version": 1, "model": str(self.options.model.resolve()), "work": str(self.work / name), "outputs": outputs}
        if fast:
            pipeline["effort"] = "fast"
        else:
            pipeline["calibration"] = {"data": str(self.options.calibration.resolve()), "samples": like.samples, "length": like.length, "seed": like.seed}
        file = self.work / f"{name}.yaml"
        file.write_text(json.dumps(pipeline, indent=1))  # JSON is YAML
        run(self.options.polyquant, "run", file, "--force", "--threads", self.options.threads)
        shutil.rmtree(self.work / name, ignore_errors=True)

    def evaluate(self, file, text, reference, keep=False):
        flags = ["--keep-reference", reference, "--force"] if keep else ["--reference", reference]
        return json.loads(run(self.options.polyquant, "eval", file, "--text", text, "--chunks", self.options.chunks, "--json", "--threads",
                              self.options.threads, *flags))

    def reference(self, text):
        """The predictions of the model itself on a text."""
        model, kept = self.work / "bf16.gguf", self.work / f"{text.name}.{self.options.chunks}.kld"
        if not model.exists():
            run(self.options.polyquant, "quantize", self.options.model, "--recipe", "bf16", "--to", model)
        if not kept.exists():
            self.evaluate(model, text, kept.with_suffix(".partial"), keep=True)
            kept.with_suffix(".partial").rename(kept)
        return kept

    def judge(self, job):
        for text in self.missing(job):
            found = self.evaluate(self.path(job), text, self.reference(text))
            kld = found["kld"]
            self.data["results"].append(job._asdict() | {
                "text": text.name, "chunks": self.options.chunks, "tokens": found["tokens"], "mean": kld["mean"], "error": kld["stderr"],
                "median": kld["median"], "p99": kld["p99"], "same_top": found["same_top"]})
            self.save()
            print(*job, text.name, f"{kld['mean']:.4f} ± {kld['stderr']:.4f} / {kld['median']:.4f}", flush=True)

    def remove(self, path):
        if not self.options.keep:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def types(self, seed):
        pairs = [(kind, spec) for kind in self.options.types for spec in self.options.quantizers] + [pair.split("/") for pair in self.options.also]
        jobs = [make_job(kind, spec, seed, self.options.samples, self.options.length) for kind, spec in pairs]
        jobs = [job for job in jobs if self.missing(job)]
        absent = [job for job in jobs if not self.path(job).exists()]
        fast = [job for job in absent if job.samples == 0]
        for name, part in (("plain", fast), ("outputs", [job for job in absent if job not in fast])):
            if part:
                self.make(f"{name}-{self.options.samples}x{self.options.length}-seed-{seed}", [self.output(job) for job in part], part[0], part is fast)
        for job in jobs:
            self.judge(job)
            self.remove(self.path(job))

    def recipes(self, seed):
        """Files of ours and of llama-quantize, all judged by llama.cpp."""
        import kld  # needs the packages of the peers
        options = self.options
        like = Job("", "", seed, options.samples, options.length)
        wanted = [(recipe, quantizer, text) for recipe in options.recipes for quantizer in options.recipe_quantizers for text in options.text if not any(
            (r["recipe"], error_feedback_page.quantizer_of(r), r["text"], r["chunks"], r["seed"], r["samples"], r["length"]) ==
            (recipe, quantizer, text.name, options.chunks, seed, like.samples, like.length) for r in self.data["recipes"])]
        calibrated = f"{like.samples}x{like.length}-seed-{seed}"
        ours = {(recipe, quantizer): self.work / f"{recipe}-{re.sub('[^a-z0-9+]+', '-', quantizer)}-{calibrated}.gguf" for recipe, quantizer, _ in wanted}
        absent = [key for key, file in ours.items() if not file.exists()]
        if absent:
            self.make(f"recipes-{calibrated}", [{"format": "gguf", "recipe": recipe, "quantizer": quantizers(quantizer), "to": str(ours[recipe, quantizer])}
                                                for recipe, quantizer in absent], like)
        imatrix = self.work / f"imatrix-{calibrated}.gguf"
        if wanted and not imatrix.exists():
            run(options.polyquant, "imatrix", options.model, "--calibration", options.calibration, "--samples", like.samples, "--length", like.length,
                "--seed", seed, "--to", imatrix, "--threads", options.threads)
        for text in options.text:
            here = [(recipe, quantizer) for recipe, quantizer, other in wanted if other == text]
            if not here:
                continue
            self.reference(text)
            judge = kld.Judge(self.work / "bf16.gguf", text, 512, 0, options.chunks, options.threads)
            judged = {}  # theirs, by recipe
            for recipe, quantizer in here:
                theirs = self.work / f"{recipe}-llama-quantize-{calibrated}.gguf"
                kld.make_theirs(argparse.Namespace(imatrix=imatrix), self.work / "bf16.gguf", theirs, recipe)
                if recipe not in judged:
                    judged[recipe] = judge.kld(theirs)
                own = ours[recipe, quantizer]
                a, b = judge.kld(own), judged[recipe]
                difference = a[0] - b[0]
                self.data["recipes"].append({
                    "recipe": recipe, "quantizer": quantizer, "text": text.name, "chunks": options.chunks, "seed": seed, "samples": like.samples, "length": like.length,
                    "tokens": len(judge.targets), "ours": kld.summary(a, own.stat().st_size), "theirs": kld.summary(b, theirs.stat().st_size),
                    "difference": float(difference.mean()), "difference_stderr": float(difference.std(ddof=1) / len(difference) ** 0.5)})
                self.save()
                print(recipe, quantizer, text.name, self.data["recipes"][-1]["ours"]["mean"], self.data["recipes"][-1]["theirs"]["mean"], flush=True)
        for file in ours.values():
            self.remove(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, nargs="?")
    parser.add_argument("--calibration", type=pathlib.Path)
    parser.add_argument("--text", nargs="+", type=pathlib.Path)
    parser.add_argument("--types", nargs="*", default=TYPES)
    parser.add_argument("--quantizers", nargs="+", default=["plain", "gptq"], help="with options: gptq:refine=0,order=activation; a list: awq+gptq")
    parser.add_argument("--also", nargs="*", default=[], help="more pairs of a type and a quantizer: nf4/gptq:refine=cscsc q4_0/awq+gptq")
    parser.add_argument("--recipes", nargs="*", default=[])
    parser.add_argument("--recipe-quantizers", nargs="+", default=["gptq"], help="of ours; as --quantizers, without plain")
    parser.add_argument("--samples", type=int, default=128)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--chunks", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--keep", action="store_true", help="keep the files when they are judged")
    parser.add_argument("--polyquant", type=pathlib.Path, default=ROOT / "build" / "release" / "bin" / "polyquant")
    parser.add_argument("--commit", help="what the program was built of, for the page")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--from-json", nargs="+", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    options = parser.parse_args()
    if not options.from_json and not (options.model and options.calibration and options.text and options.work and options.json):
        parser.error("a model, --calibration, --text, --work and --json are needed, or --from-json")
    if options.from_json:
        data = error_feedback_page.joined([json.loads(file.read_text()) for file in options.from_json])
    else:
        bench = Bench(options)
        for seed in options.seeds:
            bench.types(seed)
            if options.recipes:
                bench.recipes(seed)
        data = bench.data
    page = error_feedback_page.markdown(data)
    if options.markdown:
        options.markdown.write_text(page)
    else:
        print(page)


if __name__ == "__main__":
    main()
