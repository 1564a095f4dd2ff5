#!/usr/bin/env python3
"""What people see when they slip: every message has the place and a cure in the syntax that was used, and nothing of theirs is touched."""
import os
import re
import signal
import subprocess

from common import PROGRAM, Checks, scratch, tiny_model

PRE = ["--set", "outputs.0.options.pre_tokenizer=llama-bpe"]
OPTIONS = "options: {pre_tokenizer: llama-bpe}"


class Runner:
    def __init__(self):
        self.checks, self.out = Checks(), scratch()
        self.model = tiny_model(self.out / "model")
        self.pipeline = self.out / "p.yaml"

    def call(self, *arguments):
        done = subprocess.run([str(PROGRAM), *map(str, arguments)], capture_output=True, text=True, cwd=self.out)
        return done.returncode, done.stdout, done.stderr

    def expect(self, name, code, pattern, *arguments):
        got, out, message = self.call(*arguments)
        line = ([line for line in message.splitlines() if "error:" in line or "warning:" in line] or [""])[-1]
        self.checks.that(got == code and re.search(pattern, line), f"{name}: {got} {line}")
        return out

    def run(self, name, code, pattern, text, verb="run", *more):
        self.pipeline.write_text(f"version: 1\nmodel: {self.model}\n{text}\n")
        return self.expect(name, code, pattern, verb, self.pipeline, *more)


def places(runner):
    """Line and column on every error of a pipeline."""
    out = runner.out
    (out / "there.gguf").write_text("precious")
    runner.pipeline.write_text("version: 1\nmodel: nowhere\noutputs: [{format: gguf, recipe: q8_0, to: a.gguf}]\n")
    runner.expect("a model that is missing", 3, r"p\.yaml:2:8: .*nowhere does not exist", "run", runner.pipeline)
    runner.run("an importance matrix that is missing", 3, r"p\.yaml:4:10: .*nowhere", "outputs: [{format: gguf, recipe: q8_0, to: a.gguf}]\nimatrix: nowhere")
    runner.run("an output that exists", 2, r"p\.yaml:4:9: .*there\.gguf exists; .*--force",
               f"outputs:\n  - to: there.gguf\n    format: gguf\n    recipe: q8_0\n    {OPTIONS}")
    runner.run("lossless that cannot be met", 5, r"p\.yaml:3:\d+: tensor '.*cannot be stored exactly.*`lossless: prefer`",
               f"outputs: [{{format: gguf, encoding: q8_0, lossless: require, to: a.gguf, {OPTIONS}}}]")
    runner.run("a size", 2, r"p\.yaml:3:\d+: 'split_max_size' must be a size .* got '10mb'",
               "outputs: [{format: gguf, recipe: q8_0, to: a.gguf, options: {split_max_size: 10mb}}]")
    runner.run("a size of the other format", 2, r"p\.yaml:3:\d+: 'max_shard_size' must be a size .* got '10mb'",
               "outputs: [{format: safetensors, encoding: bf16, to: a, options: {max_shard_size: 10mb}}]")
    runner.run("an unknown encoding in a recipe", 2, r"p\.yaml:5:\d+: unknown encoding 'q4_z'",
               f"recipes:\n  mine:\n    otherwise: q4_z\noutputs: [{{format: gguf, recipe: mine, to: a.gguf, {OPTIONS}}}]")
    runner.run("an unknown role in a recipe", 2, r"p\.yaml:5:\d+: unknown role 'ffn_dwn'; did you mean 'ffn_down'",
               f"recipes:\n  mine:\n    rules: [{{roles: ffn_dwn, use: q8_0}}]\n    otherwise: q4_0\noutputs: [{{format: gguf, recipe: mine, to: a.gguf, {OPTIONS}}}]")
    runner.run("a rule that matches nothing", 0, r"rule 'ffn_dwn' matches no tensor.*did you mean 'ffn_down'",
               f"outputs: [{{format: gguf, recipe: q8_0, rules: [{{match: ffn_dwn, encoding: f16}}], to: a.gguf, {OPTIONS}}}]", "plan")
    runner.run("a home folder", 2, r"p\.yaml:3:\d+: 'to' begins with ~.*\$\{HOME\}/a\.gguf", "outputs: [{format: gguf, recipe: q8_0, to: ~/a.gguf}]")
    runner.checks.that((out / "there.gguf").read_text() == "precious" and not (out / "a.gguf").exists(), "nothing was written")


def command_line(runner):
    model, to = runner.model, runner.out / "a.gguf"
    runner.expect("a recipe as encoding", 2, r"--encoding: 'Q4_K_M' is a recipe.*--recipe q4_k_m", "quantize", model, "--encoding", "Q4_K_M", "--to", to, *PRE)
    runner.expect("columns that do not fit", 2, r"add --set outputs\.0\.fallback=f16$", "quantize", model, "--encoding", "q4_k", "--to", to, *PRE)
    runner.expect("a fallback that does not fit either", 2, r"and the fallback 'q6_k' does not fit either", "quantize", model, "--encoding", "q4_k", "--to", to,
                  *PRE, "--set", "outputs.0.fallback=q6_k")
    runner.expect("a pre-tokenizer that nobody knows", 2, r"--set outputs\.0\.options\.pre_tokenizer: .*'nonsense' is no pre-tokenizer", "quantize", model,
                  "--recipe", "q8_0", "--to", to, "--set", "outputs.0.options.pre_tokenizer=nonsense")
    runner.expect("weights without their folder", 3, r"give the model's folder: .*model$", "quantize", model / "model.safetensors", "--recipe", "q8_0", "--to", to)
    runner.expect("a pipeline as model", 3, r"`polyquant run`", "quantize", runner.pipeline, "--recipe", "q8_0", "--to", to)
    runner.expect("a model as pipeline", 2, r"is a model \(safetensors\), but a pipeline is expected", "plan", model)
    runner.expect("a pipeline that is missing", 3, r"nowhere\.yaml does not exist; `polyquant init`", "run", "nowhere.yaml")
    runner.expect("an output of convert", 2, r"error: OUT: 'to' begins with ~", "convert", model, "~/a.gguf")
    for verb in ("inspect", "compare", "cat"):
        more = [model / "model.safetensors"] if verb == "compare" else ["model.norm.weight"] if verb == "cat" else []
        done = subprocess.run([str(PROGRAM), verb, str(model / "model.safetensors"), *map(str, more)], capture_output=True)
        runner.checks.that(done.returncode == 0, f"{verb} takes a single file: {done.returncode} {done.stderr.decode()[-100:]}")


def kept(runner):
    """What lies about is not replaced."""
    model, out = runner.model, runner.out
    (out / "b.gguf.partial").write_text("mine")
    runner.expect("a partial file of somebody", 2, r"b\.gguf\.partial exists, and no interrupted run", "quantize", model, "--recipe", "q8_0", "--to", out / "b.gguf", *PRE)
    runner.checks.that((out / "b.gguf.partial").read_text() == "mine" and not (out / "b.gguf").exists(), "it is left alone")
    (out / "place").mkdir()
    (out / "link").symlink_to(out / "place")
    runner.expect("a link as output", 2, r"link is a symbolic link; name the place that it points to \(.*place\)",
                  "quantize", model, "--encoding", "bf16", "--format", "safetensors", "--to", out / "link", "--force")
    runner.checks.that((out / "link").is_symlink() and not os.listdir(out / "place"), "link and folder are left alone")
    text = runner.expect("--quiet", 0, "^$", "quantize", model, "--recipe", "q8_0", "--to", out / "c.gguf", "--work", out / "state" / "x", "--quiet", *PRE)
    runner.checks.that(text == "" and not (out / "state").exists(), "--quiet prints nothing, --work leaves no folder behind")


def closed_pipe(runner):
    with subprocess.Popen([str(PROGRAM), "help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        program.stdout.close()
        message = program.stderr.read().decode()
    runner.checks.that(program.returncode == -signal.SIGPIPE and message == "", f"a closed pipe: {program.returncode} {message!r}")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([str(PROGRAM), "help"], stdout=full, stderr=subprocess.PIPE)
    runner.checks.that(done.returncode == 4 and b"standard output" in done.stderr, f"a full device: {done.returncode}")


def main():
    runner = Runner()
    places(runner)
    command_line(runner)
    kept(runner)
    closed_pipe(runner)
    runner.checks.finish()


if __name__ == "__main__":
    main()
