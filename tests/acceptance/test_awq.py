#!/usr/bin/env python3
"""The quantizer awq: scales of channels lower the KL divergence of 4-bit groups of 128 on a text that was not calibrated with, awq and gptq can follow one
another, every target has the same bytes for 1 and 2 threads and is read back, the run says what each place gained, and what cannot be
scaled is refused in a sentence. A killed run goes on to the same bytes, and memory is what the plan says."""
import concurrent.futures
import json
import shutil
import subprocess
import time

from common import GOLDEN, PROGRAM, WIDE, Checks, model, run, run_json, scratch, text

SAMPLES, LENGTH, CHUNKS = 16, 512, 4
GROUPS = "affine:bits=4,group=128,symmetric=false"
# Of the 30 layers of the real model: enough for the KLD, and as many as a run that is killed needs to be killed in all of its parts.
FIRST_10, FIRST_4 = ({"match": f"layers[.]({layers})[.]", "encoding": "bf16"} for layers in ("[12][0-9]", "[4-9]|[12][0-9]"))


def tiny(out):
    (out / "river.txt").write_text("the river rises in the hills and passes nine towns on its way to the sea " * 20)
    return "--calibration", out / "river.txt", "--samples", 4, "--length", 32


def targets(checks, out):
    """Folders and GGUF files, one quantizer and two, of a model whose columns fit every block."""
    folder = GOLDEN / "tiny" / "llama-256"
    kld = {}
    for form, encoding in (("awq", "affine:bits=4,group=32,symmetric=false"), ("gguf", "q4_k"), ("gguf", "q8_0")):
        for quantizer in ("rtn", "awq", "awq+gptq"):
            made = []
            for threads in (1, 2):
                to = out / f"{encoding[:4]}-{quantizer}-{threads}{'.gguf' if form == 'gguf' else ''}"
                result = run_json("quantize", folder, *tiny(out), "--format", form, "--encoding", encoding, "--quantizer", quantizer, "--threads", threads, "--to", to)
                made.append(to.read_bytes() if form == "gguf" else (to / "model.safetensors").read_bytes())
            run("inspect", to, "--check")
            what = f"{form} {encoding.split(',')[0]} {quantizer}"
            checks.that(made[0] == made[1], f"{what}: the same bytes for 1 and 2 threads")
            kld[quantizer] = run_json("eval", to, "--text", out / "river.txt", "--context", 32, "--chunks", 4, "--reference", folder)["kld"]["mean"]
            if quantizer == "rtn":
                continue
            folds = result["outputs"][0]["folds"]
            checks.that(len(folds) == 4 and all(f["loss_after"] <= f["loss_before"] for f in folds), f"{what}: {[f['choice'] for f in folds]}")
            # Scales of channels gain nothing where 8 bits lose nothing: rounding of norms is all that is left.
            checks.that(kld[quantizer] <= max(kld["rtn"], 1e-3), f"{what}: KLD {kld[quantizer]:.6f}, rtn {kld['rtn']:.6f}")


def beside_others(checks, out):
    """What another output has measured changes no byte, and the option is followed."""
    def gguf(quantizer, name):
        return {"format": "gguf", "encoding": "q4_0", "quantizer": quantizer, "to": str(out / name)}

    def bytes_of(*outputs):
        (out / "p.yaml").write_text(json.dumps({
            "version": 1, "model": str(GOLDEN / "tiny" / "llama-256"), "outputs": outputs,
            "calibration": {"data": str(out / "river.txt"), "samples": 4, "length": 32}}))
        run("run", out / "p.yaml", "--force")
        return [open(output["to"], "rb").read() for output in outputs]

    diagonal = {"type": "awq", "loss": "diagonal"}
    for name, quantizer in (("diagonal", diagonal), ("awq", "awq"), ("rtn", "rtn")):
        alone, = bytes_of(gguf(quantizer, "alone.gguf"))
        together = bytes_of(gguf(quantizer, "beside.gguf"), gguf("gptq", "gptq.gguf"), gguf(["awq", "gptq"], "both.gguf"))
        checks.that(together[0] == alone, f"{name}: the same bytes beside outputs that need X^T X")
        both, = bytes_of(gguf([quantizer, "gptq"], "chain.gguf")) if name != "rtn" else (None,)
        if name == "diagonal":
            checks.that(both != together[2], "loss: diagonal is followed before gptq, too")
        if name == "awq":
            checks.that(both == together[2], "awq and then gptq: the same bytes beside others")


def refused(checks, out, words, *arguments):
    result = run("quantize", *arguments, "--format", "gguf", "--to", out / "no.gguf", code=2)
    error = result.stderr.decode().strip().splitlines()[-1]
    checks.that(all(word in error for word in words), error)


def refusals(checks, out):
    folder = GOLDEN / "tiny" / "llama-256"
    refused(checks, out, ["'awq'", "texts"], folder, "--encoding", "q4_0", "--quantizer", "awq")
    refused(checks, out, ["'rtn'", "last of the list"], folder, *tiny(out), "--encoding", "q4_0", "--quantizer", "rtn+gptq")
    refused(checks, out, ["'awq'", "first of the list"], folder, *tiny(out), "--encoding", "q4_0", "--quantizer", "awq+awq")
    refused(checks, out, ["3 items"], folder, *tiny(out), "--encoding", "q4_0", "--quantizer", "awq+gptq+rtn")
    refused(checks, out, ["damping", "1e+9"], folder, *tiny(out), "--encoding", "q4_0", "--quantizer", "gptq:damping=1e+9")
    run("quantize", folder, "--encoding", "q4_0", "--format", "gguf", "--to", out / "codes.gguf")
    refused(checks, out, ["'awq'", "keeps the codes", "quantize the original model"], out / "codes.gguf", *tiny(out), "--encoding", "q4_0", "--quantizer", "awq")
    refused(checks, out, ["'awq'", "no channels"], folder, *tiny(out), "--encoding", "f16", "--quantizer", "awq")
    unknown = out / "unknown"
    shutil.copytree(folder, unknown)
    config = json.loads((unknown / "config.json").read_text())
    config.update(architectures=["NobodyForCausalLM"], model_type="nobody")
    (unknown / "config.json").write_text(json.dumps(config))
    result = run("quantize", unknown, *tiny(out), "--format", "safetensors", "--encoding", "q8_0", "--quantizer", "awq", "--to", out / "no", code=None)
    error = result.stderr.decode().strip().splitlines()[-1]
    checks.that(result.returncode in (2, 3) and "NobodyForCausalLM" in error, error)


def two_at_a_time(function, items):
    """Programs of one thread each, side by side."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, items))


def quality(checks, out):
    """What scales, clipping and error feedback after them bring, and that memory is what the plan says."""
    reference = out / "reference"
    judge = ["--text", text(), "--context", 512, "--chunks", CHUNKS]
    run("eval", model(WIDE), *judge, "--keep-reference", reference)

    def make(quantizers):
        name = "+".join(quantizers).replace(":", "-")
        made = [out / f"wide-{quantizer.replace(':', '-')}" for quantizer in quantizers]
        pipeline = out / f"{name}.yaml"
        pipeline.write_text(json.dumps({
            "version": 1, "model": str(model(WIDE)), "threads": 1, "work": str(out / f"{name}.work"),
            "calibration": {"data": str(text("calibration.jsonl")), "samples": SAMPLES, "length": LENGTH},
            "outputs": [{"format": "awq", "encoding": GROUPS, "rules": [FIRST_10], "quantizer": quantizer.split("+"), "to": str(to)}
                        for quantizer, to in zip(quantizers, made)]}))
        planned, peak = (run_json(verb, pipeline)["peak_memory_bytes"] for verb in ("plan", "run"))
        klds = [run_json("eval", to, *judge, "--reference", reference, "--threads", 1)["kld"]["mean"] for to in made]
        return planned, peak, dict(zip(quantizers, klds))

    runs, kld = (["rtn", "awq:clip=false"], ["awq"], ["awq+gptq"]), {}
    for quantizers, (planned, peak, found) in zip(runs, two_at_a_time(make, runs)):
        checks.that(0.7 * planned < peak < 1.1 * planned, f"{quantizers}: planned {planned / 1e6:.0f} MB, peak {peak / 1e6:.0f} MB")
        kld.update(found)
    checks.that(kld["awq"] < 0.9 * kld["rtn"], f"{WIDE}, {GROUPS}: KLD {kld['rtn']:.4f} with rtn, {kld['awq']:.4f} with awq")
    checks.that(kld["awq"] < 0.97 * kld["awq:clip=false"], f"clipped: from {kld['awq:clip=false']:.4f} to {kld['awq']:.4f}")
    checks.that(kld["awq+gptq"] < kld["awq"], f"awq and then gptq: {kld['awq+gptq']:.4f}")


def resumed(checks, out):
    """Killed at several times, the same command gives the folder of a run that was not."""
    whole = out / "whole"
    arguments = ["quantize", model(WIDE), "--calibration", text("calibration.jsonl"), "--samples", 4, "--length", 256, "--format", "awq", "--encoding", GROUPS,
                 "--set", f"outputs.0.rules=[{json.dumps(FIRST_4)}]", "--quantizer", "awq", "--threads", 1, "--to"]
    start = time.monotonic()
    run(*arguments, whole)
    seconds = time.monotonic() - start

    def killed_after(share):
        killed = out / f"killed-{share}"
        process = subprocess.Popen(list(map(str, [PROGRAM, *arguments, killed])), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(share * seconds)
        process.kill()
        code, exists = process.wait(), killed.exists()
        run(*arguments, killed, *(["--force"] if exists else []))
        same = sorted(f.name for f in killed.iterdir()) == sorted(f.name for f in whole.iterdir()) and all(
            (killed / f.name).read_bytes() == f.read_bytes() for f in whole.iterdir())
        return code, exists, same

    shares = (0.3, 0.5, 0.7)  # the first run, which is the measure, is the slowest
    for share, (code, exists, same) in zip(shares, two_at_a_time(killed_after, shares)):
        checks.that(code != 0 and not exists, f"killed after {share:.0%} of the time (exit code {code}): no folder under the final name")
        checks.that(same, "and again: the same bytes in every file")


if __name__ == "__main__":
    checks, folder = Checks(), scratch()
    targets(checks, folder)
    beside_others(checks, folder)
    refusals(checks, folder)
    resumed(checks, folder)
    quality(checks, folder)
    checks.finish()
