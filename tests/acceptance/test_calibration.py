#!/usr/bin/env python3
"""Calibration in pipelines: quantize --calibration gives the tensors that imatrix and quantize --imatrix give one after the other, all outputs share one
measurement, plan and run say what is used, bytes do not depend on threads or on where activations lie, experts without tokens are
counted, and mistakes are refused in a sentence."""
import json
import shutil
import subprocess

import numpy as np

from common import GOLDEN, PROGRAM, WIDE, Checks, left_out, llama, model, run, run_json, scratch, text

SAMPLES, LENGTH = 4, 128
TRIES = 3  # a plan of a quiet moment beside a run of a busy one says nothing
COLUMN = 1e-3  # of a mean square; measured: 1.3e-4, in columns a thousand times below the mean
COLUMN_DEFAULT = 0.01  # with llama-imatrix's own settings; measured: 4.6e-3, by keys, values and queries in f16


def tensors(path):
    return path.read_bytes()[-run_json("inspect", path)["bytes"]:]


def same_as_matrix(checks, out):
    folder, texts = model(WIDE), text("calibration.jsonl")
    size = ("--samples", SAMPLES, "--length", LENGTH)
    run("imatrix", folder, "--calibration", texts, *size, "--to", out / "m.gguf")
    run("quantize", folder, "--imatrix", out / "m.gguf", "--recipe", "q4_k_m", "--to", out / "by_matrix.gguf")
    for threads in (1, 2):
        run("quantize", folder, "--calibration", texts, *size, "--recipe", "q4_k_m", "--to", out / f"{threads}.gguf", "--threads", threads)
    checks.that((out / "1.gguf").read_bytes() == (out / "2.gguf").read_bytes(), "the same bytes for 1 and 2 threads")
    difference = run_json("compare", out / "by_matrix.gguf", out / "1.gguf")
    checks.that(difference["relative_error"] == 0, f"the tensors are those of imatrix and --imatrix: {difference['relative_error']}")
    metadata = run_json("inspect", out / "1.gguf")["metadata"]
    checks.that(metadata["quantize.imatrix.dataset"] == "calibration.jsonl" and metadata["quantize.imatrix.chunks_count"] == SAMPLES,
                "the file says what it was calibrated with")


def ours(file, names, tokens):
    return {name: np.frombuffer(run("cat", file, f"{name}.in_sum2").stdout, np.float32) / tokens for name in names}


def differences(one, other):
    return np.concatenate([np.abs(one[name] / other[name] - 1) for name in other])


def columns(checks, out):
    """On an f32 file, with keys and values in f32, llama.cpp measures the same: no rounding of inputs is left. On a bf16 file its rounding makes
    chaos of the last bits: with the same rounding polyquant is as near to it as it is to itself with another size of its passes."""
    llama()
    import llama_imatrix
    (out / "words.txt").write_text("The river rises in the hills and passes nine towns on its way to the sea. " * 20)
    for recipe in ("f32", "bf16"):
        run("quantize", model(WIDE), "--recipe", recipe, "--to", out / f"{recipe}.gguf")
    ids = [int(t) for t in run("tokens", out / "f32.gguf", (out / "words.txt").read_text()).stdout.split()][:128]
    found = {}
    for recipe, mode in (("f32", "f32"), ("bf16", "f32"), ("bf16", "engine")):
        run("imatrix", out / f"{recipe}.gguf", "--calibration", out / "words.txt", "--first", "--samples", 1, "--length", 128,
            "--activations", mode, "--to", out / "columns.gguf", "--force")
        theirs = llama_imatrix.measure(out / f"{recipe}.gguf", ids, 128, exact=True)
        found[recipe, mode] = differences(ours(out / "columns.gguf", theirs, len(ids)), theirs)
    worst = float(found["f32", "f32"].max())
    checks.that(len(theirs) == 210 and worst < COLUMN, f"{len(theirs)} matrices, columns as llama.cpp measures them in f32: within {worst:.1e}")
    itself = differences(llama_imatrix.measure(out / "bf16.gguf", ids, 128, exact=True, micro_batch=1), theirs)
    off = {name: int(np.sum(values > 0.01)) for name, values in (("f32", found["bf16", "f32"]), ("engine", found["bf16", "engine"]), ("itself", itself))}
    checks.that(off["engine"] <= 1.25 * off["itself"] and off["engine"] < 0.75 * off["f32"],
                f"a bf16 file, {len(itself)} columns: {off['engine']} differ by more than 1 % with llama.cpp's rounding, {off['f32']} without, "
                f"{off['itself']} of llama.cpp from itself, one token at a time")


def default_settings(checks, out):
    """The same beside llama-imatrix as people run it: 512 tokens of a text, keys and values in f16, fused attention."""
    import llama_imatrix
    file = out / "f32.gguf"
    ids = [int(t) for t in run("tokens", file, "--no-special", text().read_text(encoding="utf-8")[:4000]).stdout.split()][:512]
    (out / "ids.jsonl").write_text(json.dumps({"tokens": ids}) + "\n")
    run("imatrix", file, "--calibration", out / "ids.jsonl", "--first", "--samples", 1, "--length", 512, "--to", out / "default.gguf")
    theirs = llama_imatrix.measure(file, ids, 512)
    off = differences(ours(out / "default.gguf", theirs, len(ids)), theirs)
    checks.that(len(ids) == 512 and off.max() < COLUMN_DEFAULT, f"{len(off)} columns of an f32 file as llama-imatrix measures them with its own settings: "
                                                                f"within {100 * off.max():.2f} %")


def quantized_inputs(checks, out):
    """The second layer's inputs are those behind the first, quantized: what a model whose first layer alone is quantized has."""
    folder = GOLDEN / "tiny" / "llama"
    (out / "river.txt").write_text("the river rises in the hills and passes nine towns on its way to the sea " * 20)
    common = ("--calibration", out / "river.txt", "--samples", 4, "--length", 32, "--set", "outputs.0.options.pre_tokenizer=llama-bpe")
    run("quantize", folder, *common, "--encoding", "f32", "--set", 'outputs.0.rules=[{match: "^blk.0.(attn|ffn)_(q|k|v|output|gate|up|down)", encoding: q4_1}]', "--to", out / "first.gguf")
    run("imatrix", out / "first.gguf", "--calibration", out / "river.txt", "--samples", 4, "--length", 32, "--to", out / "first.imatrix.gguf")
    run("quantize", folder, "--imatrix", out / "first.imatrix.gguf", "--encoding", "q4_1", "--set", "outputs.0.options.pre_tokenizer=llama-bpe", "--to", out / "expected.gguf")
    run("quantize", folder, *common, "--encoding", "q4_1", "--to", out / "original.gguf")
    for threads in (1, 2):
        run("quantize", folder, *common, "--encoding", "q4_1", "--set", "calibration.inputs=quantized", "--threads", threads, "--to", out / f"followed{threads}.gguf")
    checks.that((out / "followed1.gguf").read_bytes() == (out / "followed2.gguf").read_bytes(), "quantized inputs: the same bytes for 1 and 2 threads")
    rows = {name: [run("cat", out / f"{name}.gguf", f"blk.{layer}.ffn_down.weight").stdout for layer in (0, 1)] for name in ("original", "expected", "followed1")}
    checks.that(rows["followed1"][0] == rows["original"][0] and rows["followed1"][1] != rows["original"][1], "quantized inputs: the first layer is as with original inputs, the second is not")
    checks.that(rows["followed1"][1] == rows["expected"][1], "quantized inputs: the second layer is as with the importance of a model whose first layer is quantized")


def pipeline(checks, out):
    (out / "two.yaml").write_text(json.dumps({
        "version": 1, "model": str(model(WIDE)),
        "calibration": {"data": [{"path": str(text("calibration.jsonl")), "weight": 3}, str(text("calibration.jsonl"))], "samples": SAMPLES,
                        "length": LENGTH, "seed": 7, "activations": "file"},
        "outputs": [{"format": "gguf", "encoding": "q4_0", "to": "p0.gguf"}, {"format": "gguf", "recipe": "q3_k_m", "to": "p1.gguf"}]}))
    plan = run_json("plan", out / "two.yaml")
    sites = {s["site"]: s for s in plan["statistics"]}
    checks.that(len(sites) == 4 and all(s["importance"] and s["count"] == 30 for s in sites.values()), f"plan: {', '.join(sites)} in 30 layers")
    done = run_json("run", out / "two.yaml")
    used = done["calibration"]
    checks.that([s["samples"] for s in used["sources"]] == [3, 1] and used["activations"] == "file", "weights share the samples 3 to 1")
    checks.that(used["tokens_sha256"] == plan["calibration"]["tokens_sha256"] and used["tokens"] == SAMPLES * LENGTH, "run and plan have the same samples")
    checks.that(all(any(t.get("importance") for t in o["tensors"]) for o in done["outputs"]), "both outputs use the statistics")
    first = [(out / f"p{i}.gguf").read_bytes() for i in (0, 1)]
    run("run", out / "two.yaml", "--set", "calibration.activations=memory", "--force")
    checks.that([(out / f"p{i}.gguf").read_bytes() for i in (0, 1)] == first, "the same bytes with activations in memory")


def experts(checks, out):
    folder = out / "moe"
    shutil.copytree(GOLDEN / "tiny" / "qwen3moe", folder, ignore=shutil.ignore_patterns("gguf.json", "texts.json"))
    (out / "few.txt").write_text("ab")
    done = run_json("quantize", folder, "--calibration", out / "few.txt", "--samples", 1, "--length", 1, "--encoding", "q4_0", "--to", out / "moe.gguf",
                    "--set", "outputs.0.fallback=f16", "--set", "outputs.0.options.pre_tokenizer=default")
    used = done["calibration"]
    chosen = sum(sum(1 for t in layer["tokens"] if t) for layer in used["experts"])
    total = sum(len(layer["tokens"]) for layer in used["experts"])
    checks.that(used["starved_experts"] == total - chosen > 0, f"{used['starved_experts']} of {total} experts got no token")
    checks.that(any("were chosen by no token" in w for w in done["warnings"]), "a warning says so")


def refusals(checks, out):
    folder, texts = model(WIDE), text("calibration.jsonl")
    quantize = ("quantize", folder, "--recipe", "q4_0", "--to", out / "x.gguf")
    (out / "bad.jsonl").write_text('{"text": "a"}\n{"txt": "b"}\n')
    for arguments, code, what in ((("--calibration", out / "none.txt"), 3, b"none.txt"), (("--calibration", out / "bad.jsonl"), 3, b"bad.jsonl:2"),
                                  (("--calibration", texts, "--samples", 1 << 40), 2, b"samples"),
                                  (("--calibration", texts, "--set", "calibration.inputs=quantize"), 2, b"must be one of original, quantized"),
                                  (("--calibration", texts, "--set", "calibration.sample=3"), 2, b"did you mean 'samples'"),
                                  (("--samples", 3), 2, b"of --calibration PATH is read; give it"),
                                  (("--samples", 3, "--set", "calibration.seed=1"), 2, b"'data' is missing in calibration; add `data: PATH`")):
        result = run(*quantize, *arguments, code=code)
        checks.that(what in result.stderr and not (out / "x.gguf").exists(), f"refused: {result.stderr.decode().strip()[-130:]}")
    plan = run("quantize", folder, "--calibration", texts, "--samples", 1, "--length", 8, "--recipe", "f16", "--to", out / "f16.gguf")
    checks.that(b"the calibration data are not used" in plan.stderr, "a recipe that needs no statistics: one warning, nothing is measured")


def damaged(checks, out):
    """The same command would meet it again: nothing is kept, and nobody is told to try again."""
    folder = out / "damaged"
    shutil.copytree(GOLDEN / "tiny" / "llama", folder, ignore=shutil.ignore_patterns("gguf.json", "texts.json"))
    content = bytearray((folder / "model.safetensors").read_bytes())
    begin = 8 + int.from_bytes(content[:8], "little")
    first = json.loads(content[8:begin])["model.layers.0.mlp.down_proj.weight"]["data_offsets"][0]
    content[begin + first:begin + first + 2] = b"\xc0\x7f"  # a NaN in bf16
    (folder / "model.safetensors").write_bytes(content)
    result = run("quantize", folder, "--calibration", out / "words.txt", "--samples", 2, "--length", 16, "--encoding", "q8_0", "--to", out / "damaged.gguf",
                 "--set", "outputs.0.options.pre_tokenizer=llama-bpe", code=3)
    checks.that(b"not finite" in result.stderr and b"again" not in result.stderr and not list(out.glob("damaged.gguf*")),
                f"activations that are not finite: {result.stderr.decode().strip()[-130:]} {[p.name for p in out.glob('damaged.gguf*')]}")


def full_disk(checks, out):
    """The file of the activations is counted before any work."""
    (out / "tokens.jsonl").write_text(json.dumps({"tokens": [i % 90 for i in range(64 * 128)]}) + "\n")  # 2 MiB of activations
    script = 'mount -t tmpfs -o size=1m none "$1" || exit 77; shift; exec "$@"'
    (out / "small").mkdir()
    done = subprocess.run(["unshare", "-rm", "bash", "-c", script, "bash", str(out / "small"), str(PROGRAM), "quantize", str(GOLDEN / "tiny" / "llama"), "--calibration",
                           str(out / "tokens.jsonl"), "--samples", "64", "--length", "128", "--encoding", "q8_0", "--to", str(out / "small" / "x.gguf"), "--set",
                           "outputs.0.options.pre_tokenizer=llama-bpe", "--set", "calibration.activations=file"], capture_output=True, text=True)
    if done.returncode == 77 or "unshare" in done.stderr:
        return left_out("a tmpfs cannot be mounted here")
    checks.that(done.returncode == 4 and "activations between the layers need" in done.stderr and "again" not in done.stderr,
                f"a disk that is too small for the activations: {done.returncode} {done.stderr.strip()[-170:]}")


def forecast(checks, out):
    """Measuring is most of the time. Machines that are busy may take much longer than is planned."""
    command = ("quantize", model(WIDE), "--calibration", text("calibration.jsonl"), "--samples", 8, "--length", 512, "--recipe", "q4_0", "--to", out / "f.gguf")
    (out / "f.yaml").write_text(json.dumps({"version": 1, "model": str(model(WIDE)), "calibration": {"data": str(text("calibration.jsonl")), "samples": 8, "length": 512},
                                            "outputs": [{"format": "gguf", "recipe": "q4_0", "to": "f.gguf"}]}))
    for _ in range(TRIES):
        plan, done = run_json("plan", out / "f.yaml"), run_json(*command)
        if 0.1 < plan["seconds"] / done["seconds"] < 5:
            break
    checks.that(0.1 < plan["seconds"] / done["seconds"] < 5, f"planned {plan['seconds']:.1f} s, took {done['seconds']:.1f} s")
    checks.that(abs(done["peak_memory_bytes"] / plan["peak_memory_bytes"] - 1) <= 0.2,
                f"a large embedding: peak {done['peak_memory_bytes'] / 2**20:.0f} MiB, planned {plan['peak_memory_bytes'] / 2**20:.0f} MiB")


def main():
    checks, out = Checks(), scratch()
    columns(checks, out)
    default_settings(checks, out)
    same_as_matrix(checks, out)
    quantized_inputs(checks, out)
    pipeline(checks, out)
    experts(checks, out)
    refusals(checks, out)
    damaged(checks, out)
    full_disk(checks, out)
    forecast(checks, out)
    checks.finish()


if __name__ == "__main__":
    main()
