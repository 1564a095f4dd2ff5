#!/usr/bin/env python3
"""Small checkpoints that GPTQModel, AutoAWQ and bitsandbytes made (tests/golden/packed/checkpoints): `polyquant logits` gives the logits that were
stored with them, `inspect` and `compare` read them, and conversions between the formats keep every code and scale. Rows of a GPTQ folder that q4_1 holds
but for the rounding of offsets are counted apart.

    test_packed_checkpoints.py [NAME...]     only these checkpoints; near: only that count
"""
import json
import sys

from arrays import np
from block_folders import read_tensors
from common import GOLDEN, Checks, run, run_json, scratch

CHECKPOINTS = GOLDEN / "packed" / "checkpoints"
F32 = 1e-3     # absolute, against the same weights run in f32
KERNEL = 1e-2  # rms difference as a share of the standard deviation, against the library's own kernels, which round to 16 bits
BF16_KERNEL = {"bnb_nf4": 3e-2}  # of kernels that round scales and products to bf16 (measured 1.4e-2)
# The library decodes to the type that the file names, before anything is multiplied.
DECODED_TO = {"bnb_nf4": "f16"}
ARGMAX = 0.999  # of the positions, unless the two largest logits are closer than the kernels' rounding


def arrays(path):
    """{name: array} of a safetensors file; bf16 stays as its bits."""
    return {name: array for name, (_, array) in read_tensors(path).items()}


def logits(path, tokens):
    result = run("logits", path, "--tokens", ",".join(map(str, tokens)))
    return np.frombuffer(result.stdout, "<f4").reshape(len(tokens), -1)


def check_logits(checks, name):
    folder = CHECKPOINTS / name
    stored = arrays(folder / "logits.safetensors")
    ids, kernel = stored["input_ids"].reshape(-1).tolist(), stored["logits"].astype("f4")
    decoded = folder
    if name in DECODED_TO:
        decoded = scratch() / name
        run("convert", folder, decoded, "--format", "safetensors", "--encoding", DECODED_TO[name])
    ours = logits(decoded, ids)
    exact = arrays(folder / "logits_f32.safetensors")["logits"].astype("f4") if (folder / "logits_f32.safetensors").exists() else kernel
    worst = float(np.abs(ours - exact.reshape(ours.shape)).max())
    checks.that(worst <= F32, f"{name}: logits differ from those of the decoded model in f32 by {worst:.1e}, at most {F32}")
    ours, limit = logits(folder, ids), BF16_KERNEL.get(name, KERNEL)
    kernel = kernel.reshape(ours.shape)
    error = float(np.sqrt(((ours - kernel) ** 2).mean()) / kernel.std())
    two = np.sort(kernel, 1)[:, -2:]
    agree, close = ours.argmax(1) == kernel.argmax(1), two[:, 1] - two[:, 0] < 2 * limit * kernel.std()
    checks.that(error <= limit and (agree | close).mean() >= ARGMAX,
                f"{name}: differs from the library's kernels by {error:.1e} of the standard deviation; most likely tokens equal: {agree.mean():.1%}, {(~agree & close).sum()} others all but equal")


def tensors_of(folder):
    return {name: value for file in sorted(folder.glob("model*.safetensors")) for name, value in arrays(file).items()}


def check_inspect(checks, name):
    report = run_json("inspect", CHECKPOINTS / name)
    kinds = {t["encoding"].split(":")[0] for t in report["tensors"]}
    checks.that(len(kinds) == 2, f"{name}: inspect shows {', '.join(sorted(kinds))}; {report['bits_per_weight']:.2f} bits per weight")
    run("inspect", CHECKPOINTS / name, "--check")


def check_conversion(checks, out, source, target):
    """Codes, zeros and scales survive: the decoded weights are equal, and going back gives the same tensors."""
    first, back = out / f"{source}-{target}", out / f"{source}-{target}-{source}"
    home = source.split("_")[0]
    run("convert", CHECKPOINTS / source, first, "--format", target, "--lossless", "require")
    compared = run_json("compare", CHECKPOINTS / source, first)
    checks.that(compared["relative_error"] == 0 and not compared["not_compared"], f"{source} to {target}: {len(compared['tensors'])} tensors are equal")
    run("convert", first, back, "--format", home, "--lossless", "require")
    before, after = tensors_of(CHECKPOINTS / source), tensors_of(back)
    differ = [name for name in before if name not in after or not np.array_equal(before[name], after[name])]
    checks.that(before.keys() == after.keys() and not differ, f"{source} to {target} and back: {len(before)} stored tensors are the same {differ[:3] or ''}")
    config = json.loads((first / "config.json").read_text())["quantization_config"]
    checks.that(config["quant_method"] == target, f"{source} to {target}: the configuration names {config['quant_method']}")


def check_near(checks, out):
    """What a run says of rows that fit, against the rows that really decode to other weights."""
    folder, file, matrices = out / "near", out / "near.gguf", {"ffn_down": "mlp.down_proj", "ffn_up": "mlp.up_proj", "attn_q": "self_attn.q_proj", "attn_v": "self_attn.v_proj"}
    run("quantize", GOLDEN / "tiny" / "llama-256", "--format", "gptq", "--encoding", "affine:bits=4,group=32,symmetric=false", "--to", folder)
    reports = [run_json("convert", folder, file, "--format", "gguf", "--encoding", "q4_1", "--threads", threads, "--force")["outputs"][0] for threads in (1, 2)]
    for tensor in reports[0]["tensors"]:
        kind, rows, exact, near = tensor["name"].split(".")[-2], tensor["shape"][0], tensor["exact_rows"], tensor["near_rows"]
        if tensor["route"] != "repack":
            checks.that(near == 0, f"{tensor['name']} is no repacked tensor and has no such rows")
        elif kind in matrices:
            name = f"model.layers.0.{matrices[kind]}.weight"
            a, b = (np.frombuffer(run("cat", path, name).stdout, "<u4").reshape(rows, -1) for path in (folder, file))
            differ = int((a != b).any(1).sum())
            checks.that(0 < near == differ and exact == rows - differ, f"{name}: {exact} rows exactly, {near} nearly; {differ} of {rows} decode to other weights")
    counted = [[(t["exact_rows"], t["near_rows"]) for t in report["tensors"]] for report in reports]
    checks.that(counted[0] == counted[1], "the same counts with 1 and 2 threads")


def check_routes(checks, out):
    """Larger groups take the scales of smaller ones only where these are the same, as they are on the way back from larger ones."""
    model, to = GOLDEN / "tiny" / "llama-256", ["--format", "gptq", "--encoding", "affine:bits=4,group=128,symmetric=true", "--to"]

    def routes(source):
        tensors = run_json("convert", source, out / "again", *to[:-1], "--force")["outputs"][0]["tensors"]
        return {t["route"] for t in tensors if t["encoding"].startswith("affine")}, sum(t["exact_rows"] + t["near_rows"] for t in tensors if t["route"] == "repack")

    run("quantize", model, *to, out / "wide")
    run("convert", out / "wide", out / "wide.gguf", "--format", "gguf", "--encoding", "q4_0")
    run("quantize", model, "--recipe", "q4_0", "--to", out / "narrow.gguf")
    found, rows = routes(out / "wide.gguf")
    checks.that(found == {"repack"} and rows > 0, f"groups of 128 in blocks of 32 and back: {found}, {rows} rows fit")
    found, _ = routes(out / "narrow.gguf")
    checks.that(found == {"quantize"}, f"blocks of 32 with scales of their own to groups of 128: {found}")


def main():
    names = sys.argv[1:] or ["base", "gptq", "gptq_act", "awq", "bnb_nf4", "near"]
    checks, out = Checks(), scratch()
    if "near" in names:
        check_near(checks, out)
        check_routes(checks, out)
    for name in (name for name in names if name != "near"):
        check_logits(checks, name)
        if name != "base":
            check_inspect(checks, name)
    if "awq" in names:
        check_conversion(checks, out, "awq", "gptq")
    if "gptq_act" in names:
        check_conversion(checks, out, "gptq_act", "gptq")
        refused = run("convert", CHECKPOINTS / "gptq_act", out / "refused", "--format", "awq", code=2).stderr.decode()
        checks.that("act_order" in refused, f"gptq_act to awq is refused: {refused.strip()[:160]}")
    checks.finish()


if __name__ == "__main__":
    main()
