#!/usr/bin/env python3
"""docs/reference/json.md lists what --json prints: every key of real output is on the page, every key of the page is in real output, and after an
error standard output is empty."""
import json
import re
import subprocess

from common import GOLDEN, PROGRAM, ROOT, Checks, scratch, tiny_model

PAGE = ROOT / "docs" / "reference" / "json.md"
PRE = ["--set", "outputs.0.options.pre_tokenizer=llama-bpe"]


def page_keys(text):
    """Heading -> {path of a key: whether it may be missing}, from the tables of the page."""
    sections = {}
    for title, body in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
        rows = re.findall(r"^\| `([^`]+)` \| ([^|]*) \|", body, re.MULTILINE)
        sections[title] = {key: "sometimes" in meaning for key, meaning in rows}
    return sections


def keys_of(value, path=""):
    """The paths of all keys: "outputs[].tensors[].name"; below what the page calls free no further."""
    found = set()
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= {path + key} | keys_of(inner, path + key + ".")
    elif isinstance(value, list):
        for item in value:
            found |= keys_of(item, path[:-1] + "[]." if path else "[].")
    return found


class Runner:
    def __init__(self):
        self.checks, self.out = Checks(), scratch()
        self.page = page_keys(PAGE.read_text())
        self.seen = {}

    def call(self, title, *arguments, code=0):
        done = subprocess.run([str(PROGRAM), *map(str, arguments), "--json"], capture_output=True, text=True, cwd=self.out)
        self.checks.that(done.returncode == code, f"{title}: exit code {done.returncode}, expected {code} {done.stderr[-200:]}")
        if code != 0:
            self.checks.that(done.stdout == "" and done.stderr != "", f"{title}: after an error standard output is empty")
            return None
        value = json.loads(done.stdout)
        self.judge(title, value)
        return value

    def judge(self, title, value):
        known = self.page.get(title)
        self.checks.that(known is not None, f"{title}: has a section")
        free = [key + "." for key in known or {} if key in ("metadata", "config")]
        keys = {key for key in keys_of(value) if not key.startswith(tuple(free))}
        keys = {re.sub(r"^tasks\.[^.]+", "tasks.NAME", key) for key in keys} - {"tasks.NAME"}
        self.checks.that(keys <= set(known or {}), f"{title}: keys that the page lacks: {sorted(keys - set(known or {}))}")
        self.seen.setdefault(title, []).append(keys)

    def finish(self):
        for title, known in self.page.items():
            outputs = self.seen.get(title, [])
            self.checks.that(outputs, f"{title}: was looked at")
            ever = set().union(*outputs)
            self.checks.that(set(known) <= ever, f"{title}: keys that no output has: {sorted(set(known) - ever)}")
            always = {key for key, sometimes in known.items() if not sometimes}
            for keys in outputs:
                self.checks.that(always <= keys, f"{title}: keys that are not always there: {sorted(always - keys)}")
        self.checks.finish()


def main():
    runner = Runner()
    out, model = runner.out, tiny_model(runner.out / "model")
    (out / "text.txt").write_text("The quick brown fox jumps over the lazy dog. " * 40)
    (out / "p.yaml").write_text(f"version: 1\nmodel: {model}\noutputs:\n  - {{format: gguf, encoding: q4_k, fallback: q8_0, to: plan.gguf, "
                                f"options: {{pre_tokenizer: llama-bpe}}}}\n")
    calibration = ["--set", "calibration.data=text.txt", "--set", "calibration.samples=2", "--set", "calibration.length=16"]
    runner.call("plan", "plan", "p.yaml")
    runner.call("plan", "plan", "p.yaml", *calibration)
    runner.call("imatrix", "imatrix", model, "--calibration", "text.txt", "--to", "i.gguf", "--samples", "2", "--length", "16")
    runner.call("run, quantize, convert and the report", "quantize", model, "--encoding", "q4_k", "--set", "outputs.0.fallback=q8_0", "--imatrix",
                "i.gguf", "--set", f"report={out}/report.json", "--to", "a.gguf", *PRE)
    runner.judge("run, quantize, convert and the report", json.loads((out / "report.json").read_text()))
    runner.call("run, quantize, convert and the report", "convert", model, "b.gguf", *PRE)
    runner.call("run, quantize, convert and the report", "run", "p.yaml", *calibration)
    runner.call("run, quantize, convert and the report", "quantize", GOLDEN / "tiny" / "qwen3moe", "--encoding", "q4_0", "--set", "outputs.0.fallback=f16", *calibration,
                "--set", "outputs.0.options.pre_tokenizer=default", "--to", "experts.gguf")
    runner.call("run, quantize, convert and the report", "quantize", model, "--encoding", "q4_0", "--quantizer", "gptq", *calibration, "--to", "g.gguf", *PRE)
    runner.call("run, quantize, convert and the report", "quantize", model, "--encoding", "q4_0", "--quantizer", "awq", *calibration, "--to", "w.gguf", *PRE)
    runner.call("inspect", "inspect", "a.gguf")
    runner.call("inspect", "inspect", model, "--check")
    runner.call("inspect of a tensor", "inspect", "a.gguf", "model.norm.weight")
    runner.call("compare", "compare", model, GOLDEN / "tiny" / "mistral")
    runner.call("compare", "compare", model, "a.gguf")
    runner.call("compare", "compare", model, "a.gguf", "--text", "text.txt", "--context", "32")
    runner.call("eval", "eval", "a.gguf", "--text", "text.txt", "--context", "32")
    runner.call("eval", "eval", "a.gguf", "--text", "text.txt", "--context", "32", "--reference", model)
    (out / "questions.jsonl").write_text('{"context": "a", "choices": ["b", "c d"], "label": 0}\n')
    runner.call("eval", "eval", "a.gguf", "--tasks", "some:questions.jsonl")
    runner.call("eval", "eval", "a.gguf", "--text", "text.txt", "--context", "32", "--tasks", "some:questions.jsonl")
    runner.call("plugins", "plugins")
    runner.call("codec bench", "codec", "bench", "q8_0")
    (out / "chats.json").write_text('[{"role": "user", "content": "Hi"}]')
    runner.call("tokens", "tokens", model, "Hi")
    (out / "lines.jsonl").write_text('"Hi"\n"you"\n')
    runner.call("tokens", "tokens", model, "--lines", "lines.jsonl")
    runner.call("tokens", "tokens", model, "--messages", "chats.json")
    for title, arguments in (("plan", ["plan", "nowhere.yaml"]), ("inspect", ["inspect", "nowhere.gguf"]), ("compare", ["compare", model, "nowhere"]),
                             ("eval", ["eval", "nowhere", "--text", "text.txt"])):
        runner.call(title, *arguments, code=3)
    runner.finish()


if __name__ == "__main__":
    main()
