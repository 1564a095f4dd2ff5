#!/usr/bin/env python3
"""Nothing that is read, and nobody's other files, is lost to an output: each refusal has exit code 2, one sentence, and leaves all as it was,
--force or not."""
import re
import subprocess

from common import GOLDEN, PROGRAM, WIDE, Checks, scratch, tiny_model
from common import model as real_model

PRE = "outputs: [{format: gguf, recipe: q8_0, options: {pre_tokenizer: llama-bpe}, to: TO}]"


def call(*arguments):
    done = subprocess.run([str(PROGRAM), *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stderr


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
