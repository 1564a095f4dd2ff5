#!/usr/bin/env python3
"""polyquant logits: the real models against transformers (tests/golden/models), their GGUF files against llama.cpp, one set of bytes for any number
of threads, and what is refused. (The tiny checkpoints of all architectures are compared by unit tests.)"""
import json
import pty
import os
import re
import shutil
import subprocess

from arrays import np

from common import GEMMA, GOLDEN, PROGRAM, SMOL, WIDE, Checks, llama, model, run, scratch, tiny_model

TOLERANCE = 2e-3  # absolute: f32 programs differ by about 1e-4 (tests/golden/README.md)
HALF = 0.02       # of the standard deviation: llama.cpp keeps keys and values as f16
EIGHT_BITS = 0.2  # and multiplies 8-bit activations with quantized weights


def logits(path, tokens, *options):
    result = run("logits", path, "--tokens", ",".join(map(str, tokens)), *options)
    return np.frombuffer(result.stdout, "<f4").reshape(1 if "--last" in options else len(tokens), -1)


def check_transformers(checks, name):
    golden = json.loads((GOLDEN / "models" / f"{name}.forward.json").read_text())
    for prompt in golden["prompts"]:
        found = logits(model(name), prompt["ids"])
        top = max(abs(float(found[row, token]) - value) for row, pairs in enumerate(prompt["top10"]) for token, value in pairs)
        shift = found.max(1, keepdims=True)
        sums = shift[:, 0] + np.log(np.exp((found - shift).astype("f8")).sum(1))
        total = np.abs(sums - prompt["logsumexp"]).max()
        same = found.argmax(1).tolist() == prompt["argmax"]
        checks.that(top <= TOLERANCE and total <= TOLERANCE and same,
                    f"{name}, {prompt['name']}: ten largest logits differ by {top:.1e}, log-sum-exp by {total:.1e}, most likely tokens equal: {same}")
        file = GOLDEN / "models" / f"{name}.{prompt['name']}.last_logits.bin"
        if file.exists():
            worst = np.abs(found[-1] - np.fromfile(file, "<f4")).max()
            checks.that(worst <= TOLERANCE, f"{name}, {prompt['name']}: all logits of the last token differ by {worst:.1e}")


def check_hidden_states(checks):
    """The program has no verb for them: the library's own test reads the models."""
    for name in (SMOL, WIDE, GEMMA):
        folder = model(name).parent
    done = subprocess.run([str(PROGRAM.parent / "polyquant_unit"), "[real]"], capture_output=True, text=True, check=False,
                          env={**os.environ, "POLYQUANT_MODELS": str(folder)})
    checks.that(done.returncode == 0 and "All tests passed" in done.stdout, f"residual streams of the real models: {done.stdout.strip()[-120:]}")


def check_llama(checks, cpp, work):
    prompt = json.loads((GOLDEN / "models" / f"{WIDE}.forward.json").read_text())["prompts"][0]["ids"]
    folder = logits(model(WIDE), prompt)
    for recipe, limit in [("bf16", HALF), ("q8_0", EIGHT_BITS), ("q4_k_m", EIGHT_BITS), ("iq4_xs", EIGHT_BITS), ("tq2_0", None)]:
        file = work / f"{recipe}.gguf"
        run("quantize", model(WIDE), "--recipe", recipe, "--to", file)
        ours = logits(file, prompt)
        if recipe == "bf16":
            checks.that(np.abs(ours - folder).max() <= TOLERANCE, f"bf16 GGUF file and folder differ by {np.abs(ours - folder).max():.1e}")
        if limit is None:
            checks.that(np.isfinite(ours).all(), f"{recipe}: the logits are finite")
            continue
        other = cpp.Model(file, context=64, threads=1)
        theirs = other.logits(prompt)
        other.close()
        error = np.sqrt(((ours - theirs) ** 2).mean()) / theirs.std()
        checks.that(error <= limit, f"{recipe}: differs from llama.cpp by {error:.4f} of the standard deviation, at most {limit}")


def check_behaviour(checks, work):
    tokens = [1, 2, 3, 504, 3575, 282, 260, 1234]
    one = run("logits", model(SMOL), "--tokens", ",".join(map(str, tokens)), "--threads", "1").stdout
    two = run("logits", model(SMOL), "--tokens", ",".join(map(str, tokens)), "--threads", "2").stdout
    checks.that(one == two, "1 and 2 threads give the same bytes")
    whole = np.frombuffer(one, "<f4").reshape(len(tokens), -1)
    last = logits(model(SMOL), tokens, "--last")
    checks.that(np.abs(whole[-1] - last[0]).max() <= 1e-4, "--last gives the last row")
    text = run("logits", model(SMOL), "--text", "The capital of France is", "--last").stdout
    ids = run("tokens", model(SMOL), "The capital of France is").stdout.split()
    checks.that(np.array_equal(np.frombuffer(text, "<f4"), logits(model(SMOL), [int(i) for i in ids], "--last")[0]),
                "--text gives the logits of its tokens")
    bare = tiny_model(work / "bare")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (bare / file).unlink()
    checks.that(len(run("logits", bare, "--tokens", "1,2").stdout) == 2 * 280 * 4, "a model without tokenizer runs on token ids")


def refused(checks, what, code, pattern, *arguments):
    result = run("logits", *arguments, code=None)
    lines = [line for line in result.stderr.decode().splitlines() if "error:" in line]
    checks.that(result.returncode == code and len(lines) == 1 and re.search(pattern, lines[0]) and not result.stdout,
                f"{what}: exit code {result.returncode}, {lines}")


def check_refusals(checks, work):
    tiny = tiny_model(work / "tiny")
    refused(checks, "a token outside the vocabulary", 2, r"token 280 does not exist; the model has the tokens 0 to 279", tiny, "--tokens", "1,280")
    refused(checks, "a negative token", 2, r"token -1 does not exist", tiny, "--tokens=-1")
    refused(checks, "no tokens", 2, r"there are no tokens to run", tiny, "--tokens", "")
    refused(checks, "no numbers", 2, r"--tokens must be token ids with commas between them, such as 1,2,3, got '1,x'", tiny, "--tokens", "1,x")
    refused(checks, "neither tokens nor text", 2, r"give one of --tokens 1,2,3 and --text TEXT", tiny)
    refused(checks, "tokens and text", 2, r"give one of", tiny, "--tokens", "1", "--text", "a")
    refused(checks, "a model that is not there", 3, r"does not exist", work / "nothing", "--tokens", "1")
    refused(checks, "a text without tokenizer", 3, r"tokenizer", work / "bare", "--text", "a")
    unknown = tiny_model(work / "unknown")
    config = json.loads((unknown / "config.json").read_text())
    (unknown / "config.json").write_text(json.dumps({**config, "architectures": ["NobodyKnowsForCausalLM"], "model_type": "nobody"}))
    refused(checks, "an unknown architecture", 3, r"'NobodyKnowsForCausalLM' is not known .*help families.*, so it cannot be run.*add-a-model-family", unknown, "--tokens", "1")
    long = work / "gpt2"
    shutil.copytree(GOLDEN / "tiny" / "gpt2", long)
    positions = json.loads((long / "config.json").read_text())["n_positions"]
    refused(checks, "more tokens than positions", 2, rf"the model has {positions} positions", long, "--tokens", ",".join(["1"] * (positions + 1)))
    outside, inside = pty.openpty()
    result = subprocess.run([str(PROGRAM), "logits", str(tiny), "--tokens", "1"], stdout=inside, stderr=subprocess.PIPE)
    os.close(inside)
    os.close(outside)
    checks.that(result.returncode == 2 and b"would garble the terminal" in result.stderr, f"a terminal: {result.stderr.decode().strip()}")


def main():
    checks, work = Checks(), scratch()
    check_behaviour(checks, work)
    check_refusals(checks, work)
    for name in (SMOL, WIDE, GEMMA):
        check_transformers(checks, name)
    check_hidden_states(checks)
    check_llama(checks, llama(), work)
    checks.finish()


if __name__ == "__main__":
    main()
