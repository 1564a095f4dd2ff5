#!/usr/bin/env python3
"""Nothing that is read, and nobody's other files, is lost to an output: each refusal has exit code 2, one sentence, and leaves all as it was,
--force or not."""
import os
import re
import subprocess

from common import GOLDEN, PROGRAM, WIDE, Checks, scratch, tiny_model
from common import model as real_model

PRE = "outputs: [{format: gguf, recipe: q8_0, options: {pre_tokenizer: llama-bpe}, to: TO}]"


def call(*arguments):
    done = subprocess.run([str(PROGRAM), *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stderr


def unchanged(checks, name, pattern, kept, *arguments):
    """A call that is refused (2) and leaves the files `kept` as they are."""
    before = {path: path.read_bytes() for path in kept}
    code, message = call(*arguments)
    same = all(path.exists() and path.read_bytes() == data for path, data in before.items())
    checks.that(code == 2 and re.search(pattern, message) and same and message.count("\n") <= 2, f"{name}: {code}, {message.strip()[-150:]}")


def reports(checks, out, model, pipeline):
    """Reports that would take the place of an output or cannot be written, found before any work."""
    (out / "file").write_text("")
    (out / "reports.json").mkdir()
    outputs = "outputs: [{format: safetensors, encoding: bf16, to: written}]"
    for report, pattern in (("written/config.json", "written is an output|lies in"), ("reports.json", "is a folder"),
                            ("file/r.json", "is no folder"), ("written.partial/r.json", "lies in")):
        pipeline.write_text(f"version: 1\nmodel: {model}\n{outputs}\nreport: {report}\n")
        unchanged(checks, f"report: {report}", pattern, [], "run", pipeline, "--force")
        checks.that(not (out / "written").exists(), "nothing was written")


def names(checks, out, model, pipeline):
    """Outputs whose names meet those of another one while it is being written, and names that the system refuses."""
    one = "{format: gguf, recipe: q8_0, options: {pre_tokenizer: llama-bpe}, to: %s}"
    for first, second in (("m.gguf", "m.gguf.partial"), ("m.gguf", "m.gguf.partial.claim"), ("m.gguf", "m.gguf.partial.journal")):
        pipeline.write_text(f"version: 1\nmodel: {model}\noutputs: [{one % first}, {one % second}]\n")
        unchanged(checks, f"outputs {first} and {second}", "give each its own place", [], "run", pipeline, "--force")
    (out / "loop").symlink_to(out / "loop")
    for name in ("x" * 300 + ".gguf", "loop/a.gguf", "x" * 250 + ".gguf", "file/a.gguf"):
        unchanged(checks, f"a name that cannot be: {name[:20]}", r"cannot be created|too long|symbolic links", [],
                  "convert", model, out / name, "--format", "safetensors")
    odd = os.fsencode(out) + b"/odd\xff.safetensors"
    done = subprocess.run([os.fsencode(PROGRAM), b"convert", os.fsencode(model), odd, b"--json"], capture_output=True)
    checks.that(done.returncode == 0 and os.path.exists(odd), f"a name that is no UTF-8: {done.returncode} {done.stderr[-90:]}")
    for text in ("[1, 2]", ""):
        pipeline.write_text(text)
        unchanged(checks, f"a pipeline that is no map: '{text}'", "p.yaml", [], "run", pipeline, "--backend", "cpu", "--work", out / "work")


def parts_of_the_model(checks, out, model):
    """Parts of the model that is read, by other names than its own."""
    cache = out / "cache"
    (cache / "blobs").mkdir(parents=True)
    (cache / "snapshot").mkdir()
    for number, file in enumerate(sorted(model.iterdir())):
        blob = cache / "blobs" / f"{number}"
        blob.write_bytes(file.read_bytes())
        (cache / "snapshot" / file.name).symlink_to(blob)
    kept = sorted((cache / "blobs").iterdir())
    for blob in kept:
        unchanged(checks, f"an output on what {blob.name} of a cache is", "belongs to the model", kept, "convert", cache / "snapshot", blob, "--format", "safetensors", "--force")
    split = split_gguf(out, model)
    checks.that(len(split) > 1, f"a split model has {len(split)} parts")
    for part in split[1:]:
        unchanged(checks, "an output on another part of the model", "belongs to the model", split, "convert", split[0], part, "--encoding", "q8_0", "--force")


def split_gguf(out, model):
    pipeline = out / "split.yaml"
    pipeline.write_text(f"version: 1\nmodel: {model}\noutputs: [{{format: gguf, recipe: f16, to: split.gguf, "
                        "options: {pre_tokenizer: llama-bpe, split_max_tensors: 5}}]\n")
    code, message = call("run", pipeline)
    return sorted(out.glob("split*.gguf")) if code == 0 else [message]


def main():
    checks, out = Checks(), scratch()
    model = tiny_model(out / "model")
    pipeline = out / "p.yaml"

    def refused(name, outputs, more, pattern, kept, *arguments):
        """Runs a pipeline with --force and looks at the files `kept`."""
        before = {path: path.read_bytes() for path in kept}
        pipeline.write_text(f"version: 1\nmodel: {model}\n{outputs}\n{more}\n")
        code, message = call("run", pipeline, "--force", *arguments)
        same = all(path.exists() and path.read_bytes() == data for path, data in before.items())
        checks.that(code == 2 and re.search(pattern, message) and same, f"{name}: {code}, {message.strip().splitlines()[-1:]}")

    mine = out / "mine"
    (mine / "photos").mkdir(parents=True)
    (mine / "photos" / "a.png").write_bytes(b"png")
    folder = "outputs: [{format: safetensors, encoding: bf16, to: mine}]"
    refused("a folder with other files", folder, "", r"mine cannot be replaced: 'photos'", [mine / "photos" / "a.png"])
    refused("a report on the model's config", PRE.replace("TO", "a.gguf"), f"report: {model}/config.json", r"config\.json belongs to the model",
            [model / "config.json"])
    pipeline.write_text("")
    refused("an output on the pipeline", PRE.replace("TO", "p.yaml"), "", r"p\.yaml is read by this run", [])
    checks.that(pipeline.read_text().startswith("version: 1"), "the pipeline is still there")
    refused("an output inside another", "outputs:\n- {format: safetensors, encoding: bf16, to: o}\n"
            "- {format: gguf, recipe: q8_0, options: {pre_tokenizer: llama-bpe}, to: o/a.gguf}", "", r"a\.gguf lies in .*o, which is an output", [])
    checks.that(not (out / "o").exists(), "nothing was written for it")
    refused("a pre-tokenizer that nobody knows", PRE.replace("TO", "a.gguf").replace("llama-bpe", "nonsense"), "", r"nonsense", [])

    reports(checks, out, model, pipeline)
    names(checks, out, model, pipeline)
    parts_of_the_model(checks, out, model)

    (out / "report.json").write_text("{}")
    pipeline.write_text(f"version: 1\nmodel: {model}\n{PRE.replace('TO', 'a.gguf')}\nreport: report.json\n")
    code, message = call("run", pipeline)
    checks.that(code == 2 and "report.json exists" in message and (out / "report.json").read_text() == "{}", f"a report that exists: {message.strip()}")
    code, message = call("run", pipeline, "--force")
    checks.that(code == 0 and (out / "report.json").read_text() != "{}", "with --force it is replaced")

    imatrix = out / "i.gguf"
    imatrix.write_bytes((GOLDEN / "imatrix" / "SmolLM2-135M-wide.imatrix.gguf").read_bytes())
    before = imatrix.read_bytes()
    code, message = call("quantize", real_model(WIDE), "--recipe", "q8_0", "--imatrix", imatrix, "--to", imatrix, "--force")
    checks.that(code == 2 and "is read by this run" in message and imatrix.read_bytes() == before, f"an output on the importance matrix: {code}")

    again = out / "copy"
    for number in (1, 2):
        code, message = call("quantize", model, "--encoding", "bf16", "--format", "safetensors", "--to", again, *(["--force"] if number == 2 else []))
        checks.that(code == 0, f"a folder of a model is written, then replaced: {code} {message.strip()[-90:]}")
    checks.finish()


if __name__ == "__main__":
    main()
