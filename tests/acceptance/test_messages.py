#!/usr/bin/env python3
"""What people see when they slip: every message has the place and a cure in the syntax that was used, and nothing of theirs is touched."""
import json
import os
import pty
import re
import signal
import subprocess

from common import GOLDEN, PROGRAM, ROOT, Checks, scratch, tiny_model

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
    (out / "other.gguf").write_text("precious")
    runner.run("two outputs that exist", 2, r"p\.yaml:3:\d+: .*there\.gguf exists, .*other\.gguf too; choose other names or add --force",
               f"outputs: [{{format: gguf, recipe: q8_0, to: there.gguf, {OPTIONS}}}, {{format: gguf, recipe: q8_0, to: other.gguf, {OPTIONS}}}]")
    for name in ("album", "album.json"):
        (out / name / "photos").mkdir(parents=True)
    gguf, folder = f"format: gguf, recipe: q8_0, {OPTIONS}", "format: safetensors, encoding: bf16"
    for force in ([], ["--force"]):
        how = " ".join(["without --force", *force][-1:])
        runner.run(f"a folder where a file is written, {how}", 2, r"p\.yaml:3:\d+: .*album is a folder, but format 'gguf' writes a file; choose another name$",
                   f"outputs: [{{{gguf}, to: album}}]", "run", *force)
        runner.run(f"a folder of other things, {how}", 2, r"p\.yaml:3:\d+: .*album cannot be replaced: 'photos' in it is no file of a model",
                   f"outputs: [{{{folder}, to: album}}]", "run", *force)
        runner.run(f"an output that exists and a folder that stays, {how}", 2, r"p\.yaml:5:\d+: .*album is a folder, but format",
                   f"outputs:\n  - {{{gguf}, to: there.gguf}}\n  - {{{gguf}, to: album}}", "run", *force)
        runner.run(f"a report in place of a folder, {how}", 2, r"p\.yaml:4:\d+: .*album\.json is a folder, but a file is written; choose another name$",
                   f"outputs: [{{{gguf}, to: a.gguf}}]\nreport: album.json", "run", *force)
    (out / "b.gguf.partial.claim").write_text("mine")
    runner.run("a claim of another output that is none of ours", 2, r"p\.yaml:5:\d+: .*b\.gguf\.partial\.claim exists, and is no claim of polyquant",
               f"outputs:\n  - {{{gguf}, to: there.gguf}}\n  - {{{gguf}, to: b.gguf}}")
    (out / "b.gguf.partial.claim").unlink()
    runner.run("a place that holds no files", 2, r"p\.yaml:3:\d+: /proc is no place for files",
               f"outputs: [{{format: gguf, recipe: q8_0, to: /proc/x.gguf, {OPTIONS}}}]")
    runner.run("an encoding that the format lacks", 2, r"p\.yaml:4:15: 'encoding' cannot be used for tensor",
               f"outputs:\n  - encoding: nf4\n    format: gguf\n    to: a.gguf\n    {OPTIONS}", "plan")
    runner.run("an encoding of a plugin that is not here", 2, r"unknown encoding 'ternary5'.*; if a plugin provides it, name the plugin's folder with --plugin-path",
               "outputs: [{format: gguf, encoding: ternary5, to: a.gguf}]", "plan")
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
    runner.run("a rule with a misspelt role", 2, r"p\.yaml:3:\d+: unknown role 'ffn_dwn', .*did you mean 'ffn_down'",
               f"outputs: [{{format: gguf, recipe: q8_0, rules: [{{match: ffn_dwn, encoding: f16}}], to: a.gguf, {OPTIONS}}}]", "plan")
    runner.run("a recipe in a rule", 2, r"it mixes several; give an encoding, such as q4_k$",
               f"outputs: [{{format: gguf, recipe: q8_0, rules: [{{match: ffn_down, encoding: q4_k_m}}], to: a.gguf, {OPTIONS}}}]")
    runner.run("an unknown recipe", 2, r"unknown recipe 'nothing_like'; under `recipes` are mine; `polyquant help recipes`",
               f"recipes: {{mine: {{otherwise: q8_0}}}}\noutputs: [{{format: gguf, recipe: nothing_like, to: a.gguf, {OPTIONS}}}]")
    runner.run("a recipe without its underscores", 2, r"p\.yaml:3:\d+: unknown recipe 'q4km'; did you mean 'q4_k_m'\?", "outputs: [{format: gguf, recipe: q4km, to: a.gguf}]")
    runner.run("an encoding without its underscore", 2, r"p\.yaml:3:\d+: unknown encoding 'q80'; did you mean 'q8_0'\?", "outputs: [{format: gguf, encoding: q80, to: a.gguf}]")
    runner.run("an output inside another", 2, r"p\.yaml:3:\d+: .*a\.gguf/b lies in .*a\.gguf, which is an output",
               f"outputs: [{{format: gguf, recipe: q8_0, to: a.gguf, {OPTIONS}}}, {{format: safetensors, encoding: bf16, to: a.gguf/b}}]")
    (out / "file").write_text("x")
    runner.run("a folder of state that cannot be made", 2, r"p\.yaml:4:7: the folder .* cannot be made.*another folder for `work`",
               f"outputs: [{{format: gguf, recipe: q8_0, to: a.gguf, {OPTIONS}}}]\nwork: file/state")
    runner.run("a reference without quotation marks", 2, r"p\.yaml:3:\d+: inside \{ \} and \[ \] a value with \$\{\.\.\.\} stands in quotation marks",
               "outputs: [{format: gguf, recipe: q8_0, to: ${OUT:-out}/a.gguf}]")
    runner.run("a blank that is missing", 2, r"unknown key 'format:gguf' in outputs\[0\]; a blank is missing after the colon: `format: gguf`",
               "outputs: [{format:gguf, recipe: q8_0, to: a.gguf}]")
    runner.run("a format that is missing", 2, r"the key 'format' is missing in outputs\[0\]; add `format: NAME`, `polyquant help formats`",
               "outputs: [{recipe: q8_0, to: a.gguf}]")
    runner.run("a name of another format", 0, r"a\.safetensors: its name says safetensors, but it is written as gguf",
               f"outputs: [{{format: gguf, recipe: q8_0, to: a.safetensors, {OPTIONS}}}]", "plan")
    runner.run("the output matrix of a tied model", 0, r"rule 'output' matches no tensor.*output matrix is its embedding",
               "outputs: [{format: gguf, recipe: q8_0, rules: [{match: output, encoding: f16}], to: a.gguf}]", "plan",
               "--set", f"model={GOLDEN / 'tiny' / 'gemma3'}")
    runner.run("a home folder", 2, r"p\.yaml:3:\d+: 'to' begins with ~.*\$\{HOME\}/a\.gguf", "outputs: [{format: gguf, recipe: q8_0, to: ~/a.gguf}]")
    runner.checks.that((out / "there.gguf").read_text() == "precious" and not (out / "a.gguf").exists(), "nothing was written")


def command_line(runner):
    model, to = runner.model, runner.out / "a.gguf"
    runner.expect("a recipe as encoding", 2, r"--encoding: 'Q4_K_M' is a recipe.*--recipe q4_k_m", "quantize", model, "--encoding", "Q4_K_M", "--to", to, *PRE)
    runner.expect("columns that do not fit", 2, r"--encoding q4_k cannot be used .*; use --recipe q4_k_m, .* add --set outputs\.0\.fallback=q8_0$",
                  "quantize", model, "--encoding", "q4_k", "--to", to, *PRE)
    runner.expect("a recipe as encoding of convert", 2, r"use `polyquant quantize \.\.\. --recipe q4_k_m`", "convert", model, to, "--encoding", "q4_k_m", *PRE)
    runner.expect("an encoding that the format lacks", 2, r"choose another encoding, or a format that has this one$", "quantize", model,
                  "--encoding", "fp8_e4m3", "--to", to, *PRE)
    runner.expect("a misspelt option", 2, r"unknown option '--calibratoin'; did you mean '--calibration'", "imatrix", model, "--calibratoin", "x", "--to", to)
    runner.expect("neither recipe nor encoding", 2, r"quantize needs --recipe or --encoding, for", "quantize", model, "--to", to)
    runner.expect("an empty path", 3, r"error: '' does not exist", "inspect", "")
    runner.expect("a model as importance matrix", 3, r"this is no importance matrix \(GGUF or \.dat\)", "quantize", model, "--recipe", "q4_0",
                  "--imatrix", model / "model.safetensors", "--to", to, *PRE)
    for verb, *more in (("quantize", "--recipe", "q4_0", "--to", to), ("convert", to, "--encoding", "f32"), ("eval", "--text", runner.pipeline), ("logits", "--tokens", "1")):
        runner.expect(f"{verb} of an importance matrix", 3, r"imatrix\.gguf: is an importance matrix, not a model; .* with --imatrix", verb,
                      GOLDEN / "imatrix" / "SmolLM2-135M-wide.imatrix.gguf", *more)
    runner.expect("a quantizer that cannot use the encoding", 2, r"error: --quantizer: tensor '.*': gptq cannot use q4_0 with refine: cd", "quantize", model,
                  "--encoding", "q4_0", "--quantizer", "gptq:refine=cd", "--to", to, *PRE)
    runner.expect("init of what is no model", 3, r"is no model of a known format", "init", runner.pipeline, "--to", runner.out / "x.yaml")
    runner.expect("init into a folder that is missing", 0, "^$", "init", model, "--to", runner.out / "new" / "folder" / "x.yaml")
    runner.checks.that("yaml-language-server" in (runner.out / "new" / "folder" / "x.yaml").read_text(), "init writes the line for editors")
    card = runner.out / "config.json"
    card.write_text('{"model_type": "llama"}')
    runner.expect("init over a file of a model", 2, r"config\.json is no pipeline, and --force replaces nothing else", "init", model, "--to", card, "--force")
    runner.checks.that(card.read_text() == '{"model_type": "llama"}', "and it is still there")
    runner.expect("init over a pipeline", 0, "^$", "init", model, "--to", runner.out / "new" / "folder" / "x.yaml", "--force")
    stored = runner.out / "stored.gguf"
    runner.expect("a model of q8_0", 0, "", "quantize", model, "--recipe", "q8_0", "--to", stored, *PRE)
    for packed, own in (("gptq", "affine"), ("bitsandbytes", "fp4 or int8 or nf4")):
        runner.expect(f"codes that {packed} lacks", 2, rf"cannot be written as it is stored: .*; give --encoding {own}$", "convert", stored,
                      runner.out / "packed", "--format", packed)
    for family in ("qwen3moe-fused", "deepseek-v2"):
        for packed in ("gptq", "awq"):
            runner.expect(f"a tensor of {family} that {packed} cannot pack", 2, r"; add --set outputs\.0\.fallback=b?f16$", "convert", GOLDEN / "tiny" / family,
                          runner.out / "packed", "--format", packed, "--encoding", "affine:group=32")
    runner.expect("a bitsandbytes folder without codes", 0, r"no tensor of the output is quantized: .*; choose --encoding nf4, fp4 or int8", "convert", model,
                  runner.out / "ordinary", "--format", "bitsandbytes")
    runner.expect("a fallback that does not fit either", 2, r"and the fallback 'q6_k' does not fit either", "quantize", model, "--encoding", "q4_k", "--to", to,
                  *PRE, "--set", "outputs.0.fallback=q6_k")
    runner.expect("a pre-tokenizer that nobody knows", 2, r"--set outputs\.0\.options\.pre_tokenizer: .*'nonsense' is no pre-tokenizer", "quantize", model,
                  "--recipe", "q8_0", "--to", to, "--set", "outputs.0.options.pre_tokenizer=nonsense")
    layers = tiny_model(runner.out / "layers")
    (layers / "config.json").write_text((layers / "config.json").read_text().replace('"num_hidden_layers": 2', '"num_hidden_layers": 3'))
    runner.expect("a broken model beside a pre-tokenizer", 3, r"error: \S*/layers: tensor '\S*' is missing", "quantize", layers, "--recipe", "q8_0", "--to", to, *PRE)
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


def norms(runner):
    """An encoding of few bits is for matrices; who wants norms in it, says so."""
    stored = {}
    for name, rules in (("plain", ""), ("ruled", ", rules: [{match: norm, encoding: fp8_e4m3}]")):
        runner.run(f"fp8 {name}", 0, "^$", f"outputs: [{{format: safetensors, encoding: fp8_e4m3, to: {name}{rules}}}]")
        tensors = json.loads(runner.call("inspect", name, "--json")[1])["tensors"]
        stored[name] = {tensor["name"]: tensor["encoding"] for tensor in tensors}
    runner.checks.that(stored["plain"]["model.norm.weight"] == "bf16", f"norms stay as they are: {stored['plain']['model.norm.weight']}")
    runner.checks.that(stored["ruled"]["model.norm.weight"] == "fp8_e4m3", "unless a rule names them")
    runner.checks.that(stored["plain"]["model.embed_tokens.weight"] == "fp8_e4m3", "matrices get the encoding")
    plan = runner.run("plan -v", 0, "^$", "outputs: [{format: safetensors, encoding: fp8_e4m3, to: other}]", "plan", "-v")
    runner.checks.that(re.search(r"model\.norm\.weight +norm +\[64\] +bf16 +copy", plan) is not None, "plan -v lists every tensor")
    runner.checks.that("time under a second" in plan and "norms and biases stay as they are" in plan, "a plan says so, and of the time what it can")


def split(runner):
    """A split file has no file of the name that was asked for."""
    text = runner.expect("a split file", 0, "^$", "quantize", runner.model, "--recipe", "q8_0", "--to", "s.gguf", *PRE,
                         "--set", "outputs.0.options.split_max_size=60000")
    runner.checks.that(re.search(r"s-00001-of-(\d+)\.gguf and \d+ more parts", text) is not None, f"the first part is named: {text.splitlines()[0]}")
    runner.expect("a split file by its own name", 3, r"s\.gguf does not exist; it was split, open its first part: s-00001-of-\d+\.gguf", "inspect", "s.gguf")


def undecodable(runner):
    """What no plugin decodes ends with 6 in every command."""
    runner.expect("packed", 0, "^$", "quantize", runner.model, "--encoding", "q8_0", "--format", "safetensors:packed=true", "--to", "packed",
                  "--set", "outputs.0.rules=[{match: ., encoding: q8_0}]")
    file = runner.out / "packed" / "model.safetensors"
    file.write_bytes(file.read_bytes().replace(b"q8_0", b"q9_9"))
    runner.expect("compare", 6, r"nothing can be compared: of '.*', which both .* have, no plugin decodes q9_9", "compare", runner.model, "packed")
    runner.expect("cat", 6, r"q9_9, which no plugin decodes", "cat", "packed", "model.norm.weight")
    runner.expect("convert", 6, r"q9_9, which no loaded plugin can decode", "convert", "packed", "unpacked", "--format", "safetensors", "--encoding", "bf16")


def helps(runner):
    for words, pattern in ((["--force"], r"option --force of\n  compare +--force[^\n]*\n  convert"), (["samples"], r"imatrix +--samples"), (["codec", "bench"], "Usage: polyquant codec bench"),
                           (["new", "plugin"], "Usage: polyquant new plugin"), (["exit", "codes"], "  130  interrupted"), (["routes"], "  repack"),
                           (["families"], "LlamaForCausalLM"), (["environment"], "POLYQUANT_PLUGIN_PATH"), (["--threads"], "key of a pipeline"),
                           (["imatrix"], "Usage: polyquant imatrix")):
        code, text, message = runner.call("help", *words)
        runner.checks.that(code == 0 and re.search(pattern, text), f"help {' '.join(words)}: {code} {message}")
    codes = [set(re.findall(pattern, text, re.MULTILINE)) for pattern, text in
             ((r"^  (\d+) ", runner.call("help", "exit", "codes")[1]),
              (r"^\| (\d+) \|", (ROOT / "docs" / "explain" / "plan-and-run.md").read_text()))]
    runner.checks.that(codes[0] == codes[1], f"help and the page have the same exit codes: {codes[0] ^ codes[1]}")


def terminal(runner):
    """Binary rows do not go to a terminal."""
    for verb in ("encode", "decode"):
        ours, theirs = pty.openpty()
        done = subprocess.run([str(PROGRAM), "codec", verb, "q8_0", "--cols", "32"], stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE)
        os.close(theirs)
        os.close(ours)
        runner.checks.that(done.returncode == 2 and b"would garble the terminal" in done.stderr, f"codec {verb} to a terminal: {done.returncode}")


def progress(runner):
    """The bar tells weights per second only where weights are counted."""
    words = runner.out / "long.txt"
    words.write_text("The quick brown fox jumps over the lazy dog. " * 20000)
    ours, theirs = pty.openpty()
    with subprocess.Popen([str(PROGRAM), "eval", str(runner.model), "--text", str(words), "--context", "64", "--threads", "1"], stdout=subprocess.DEVNULL, stderr=theirs) as program:
        os.close(theirs)
        seen = b""
        while b"left" not in seen and (more := read(ours)):
            seen += more
        program.kill()
    os.close(ours)
    runner.checks.that(b"s left" in seen and b"weights/s" not in seen, f"the bar of eval: {seen[-60:]}")


def read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # the program has ended
        return b""


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
    norms(runner)
    split(runner)
    undecodable(runner)
    helps(runner)
    terminal(runner)
    progress(runner)
    closed_pipe(runner)
    runner.checks.finish()


if __name__ == "__main__":
    main()
