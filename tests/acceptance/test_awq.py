#!/usr/bin/env python3
"""The quantizer awq: scales of channels lower the KL divergence of 4-bit groups of 128 on a text that was not calibrated with, awq and gptq can follow one
another, every target has the same bytes for 1 and 2 threads and is read back, the run says what each place gained, and what cannot be
scaled is refused in a sentence."""
import json
import shutil

from common import GOLDEN, WIDE, Checks, model, run, run_json, scratch, text

SAMPLES, LENGTH, CHUNKS = 16, 512, 6
GROUPS = "affine:bits=4,group=128,symmetric=false"


def tiny(out):
    (out / "river.txt").write_text("the river rises in the hills and passes nine towns on its way to the sea " * 20)
    return "--calibration", out / "river.txt", "--samples", 4, "--length", 32


def targets(checks, out):
    """Folders and GGUF files, one quantizer and two, of a model whose columns fit every block."""
    folder = GOLDEN / "tiny" / "llama-256"
    for form, encoding in (("awq", "affine:bits=4,group=32,symmetric=false"), ("gguf", "q4_k"), ("gguf", "q8_0")):
        for quantizer in ("awq", "awq+gptq"):
            made = []
            for threads in (1, 2):
                to = out / f"{encoding[:4]}-{quantizer}-{threads}{'.gguf' if form == 'gguf' else ''}"
                result = run_json("quantize", folder, *tiny(out), "--format", form, "--encoding", encoding, "--quantizer", quantizer, "--threads", threads, "--to", to)
                made.append(to.read_bytes() if form == "gguf" else (to / "model.safetensors").read_bytes())
            folds = result["outputs"][0]["folds"]
            run("inspect", to, "--check")
            what = f"{form} {encoding.split(',')[0]} {quantizer}"
            checks.that(made[0] == made[1], f"{what}: the same bytes for 1 and 2 threads")
            checks.that(len(folds) == 4 and all(f["loss_after"] <= f["loss_before"] for f in folds), f"{what}: {[f['choice'] for f in folds]}")
            logits = run_json("eval", to, "--text", out / "river.txt", "--context", 32, "--chunks", 4, "--reference", folder)
            checks.that(logits["kld"]["mean"] < 0.1, f"{what}: KLD {logits['kld']['mean']:.5f}")


def refused(checks, out, words, *arguments):
    result = run("quantize", *arguments, "--format", "gguf", "--to", out / "no.gguf", code=2)
    error = result.stderr.decode().strip().splitlines()[-1]
    checks.that(all(word in error for word in words), error)


def refusals(checks, out):
    folder = GOLDEN / "tiny" / "llama-256"
    refused(checks, out, ["'awq'", "texts"], folder, "--encoding", "q4_0", "--quantizer", "awq")
    refused(checks, out, ["'rtn'", "last of the list"], folder, *tiny(out), "--encoding", "q4_0", "--quantizer", "rtn+gptq")
    refused(checks, out, ["'awq'", "first of the list"], folder, *tiny(out), "--encoding", "q4_0", "--quantizer", "awq+awq")
    refused(checks, out, ["'awq'", "no channels"], folder, *tiny(out), "--encoding", "f16", "--quantizer", "awq")
    unknown = out / "unknown"
    shutil.copytree(folder, unknown)
    config = json.loads((unknown / "config.json").read_text())
    config.update(architectures=["NobodyForCausalLM"], model_type="nobody")
    (unknown / "config.json").write_text(json.dumps(config))
    result = run("quantize", unknown, *tiny(out), "--format", "safetensors", "--encoding", "q8_0", "--quantizer", "awq", "--to", out / "no", code=None)
    error = result.stderr.decode().strip().splitlines()[-1]
    checks.that(result.returncode in (2, 3) and "NobodyForCausalLM" in error, error)


def quality(checks, out):
    folder, kld = model(WIDE), {}
    for quantizer in ("rtn", "awq", "awq+gptq"):
        to = out / f"wide-{quantizer}"
        run("quantize", folder, "--calibration", text("calibration.jsonl"), "--samples", SAMPLES, "--length", LENGTH, "--format", "awq",
            "--encoding", GROUPS, "--quantizer", quantizer, "--to", to)
        kld[quantizer] = run_json("eval", to, "--text", text(), "--context", 512, "--chunks", CHUNKS, "--reference", folder)["kld"]["mean"]
        shutil.rmtree(to)
    checks.that(kld["awq"] < 0.9 * kld["rtn"], f"{WIDE}, {GROUPS}: KLD {kld['rtn']:.4f} with rtn, {kld['awq']:.4f} with awq")
    checks.that(kld["awq+gptq"] < kld["awq"], f"awq and then gptq: {kld['awq+gptq']:.4f}")


if __name__ == "__main__":
    checks, folder = Checks(), scratch()
    targets(checks, folder)
    refusals(checks, folder)
    quality(checks, folder)
    checks.finish()
