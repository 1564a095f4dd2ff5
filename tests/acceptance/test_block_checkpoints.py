#!/usr/bin/env python3
"""Checkpoints as they are published: gpt-oss with MXFP4 experts, DeepSeek-V3 with FP8 matrices. Random codes and scales in the shape of the tiny
checkpoints; what they mean is computed here with numpy, as the specifications say."""
import json

from common import GOLDEN, Checks, run, run_json, scratch, skip

try:
    import gguf
    import numpy as np
    from gguf.quants import dequantize
except ImportError:
    skip("the packages gguf and numpy are not installed")

from block_folders import as_f32, fp8_folders, mxfp4_folder, read_tensors


def convert(name, source, target, *arguments):
    pre = json.loads((GOLDEN / "tiny" / name / "gguf.json").read_text()).get("fixed_pre")
    run("convert", source, target, "--format", "gguf", *arguments, *(["--set", f"outputs.0.options.pre_tokenizer={pre}"] if pre else []))
    return gguf.GGUFReader(target)


def raw(reader):
    return {t.name: (t.tensor_type.name, bytes(t.data.tobytes())) for t in reader.tensors}


def check_mxfp4(checks, out):
    folder, weights, packed = mxfp4_folder(out / "gpt-oss", np.random.default_rng(3))
    reader = convert("gpt-oss", folder, out / "gpt-oss.gguf")
    found, golden = raw(reader), {t["name"]: t["type"] for t in json.loads((GOLDEN / "tiny" / "gpt-oss" / "gguf.json").read_text())["tensors"]}
    parts = {"gate_up_proj": {"ffn_gate_exps": np.s_[:, 0::2], "ffn_up_exps": np.s_[:, 1::2]}, "down_proj": {"ffn_down_exps": np.s_[:, :]}}
    same = total = 0
    for name, blocks in packed.items():
        layer, stem = name.split(".")[2], name.rsplit(".", 1)[1]
        for gguf_stem, rows in parts[stem].items():
            total += 1
            same += found[f"blk.{layer}.{gguf_stem}.weight"] == ("MXFP4", np.ascontiguousarray(blocks[rows]).tobytes())
    checks.that(total and same == total, f"gpt-oss: {same} of {total} expert tensors are MXFP4 with the bytes of the checkpoint's codes and scales")
    others = [t for t, kind in golden.items() if "_exps.weight" not in t and found.get(t, (None,))[0] != kind]
    checks.that(found.keys() == golden.keys() and not others, f"gpt-oss: all {len(golden)} tensors, those without blocks of the converter's types {others[:3] or ''}")
    for tensor in reader.tensors:
        if tensor.name == "blk.0.ffn_up_exps.weight":
            decoded = dequantize(tensor.data, tensor.tensor_type)
            checks.that((decoded == weights["model.layers.0.mlp.experts.gate_up_proj"][:, 1::2]).all(), "gpt-oss: the Python package gguf decodes the same weights")
    compared = run_json("compare", folder, out / "gpt-oss.gguf")
    checks.that(compared["relative_error"] == 0 and not compared["not_compared"], f"gpt-oss: compare finds no difference in {len(compared['tensors'])} tensors")
    run("convert", folder, out / "gpt-oss.bf16", "--format", "safetensors", "--encoding", "bf16")
    written = read_tensors(out / "gpt-oss.bf16" / "model.safetensors")
    exact = all((as_f32(written[name][1]) == weights[name].transpose(0, 2, 1)).all() for name in weights)
    checks.that(exact and not any("_blocks" in name for name in written), "gpt-oss: a bf16 folder has the form of the class, exactly")
    config = json.loads((out / "gpt-oss.bf16" / "config.json").read_text())
    checks.that("quantization_config" not in config, "gpt-oss: its config.json speaks of no blocks")


def check_fp8(checks, out, tile, dtype):
    """Every matrix but embeddings, head and routers as FP8; the folder with the decoded matrices must give the same GGUF."""
    (rows, cols), name = tile, f"fp8-{tile[0]}-{dtype}"
    first, second = fp8_folders(out / name, tile, dtype)
    ours = raw(convert("deepseek-v3", first, out / f"{name}.gguf", "--encoding", "f32"))
    wanted = raw(convert("deepseek-v3", second, out / f"{name}-plain.gguf", "--encoding", "f32"))
    checks.that(ours and ours == wanted, f"deepseek-v3, tiles {rows} x {cols}, {dtype} scales: {len(ours)} GGUF tensors equal those of the decoded folder")
    compared = run_json("compare", second, first)
    checks.that(compared["relative_error"] == 0 and not compared["not_compared"], f"deepseek-v3: {len(compared['tensors'])} tensors equal the decoded ones")
    run("quantize", first, "--recipe", "q8_0", "--to", out / f"{name}.q8_0.gguf", "--format", "gguf", "--set", "outputs.0.options.pre_tokenizer=deepseek-v3")
    checks.that(True, "deepseek-v3: q8_0 from the FP8 folder")
    refused = run("convert", first, out / "as-stored.gguf", "--format", "gguf", "--set", "outputs.0.options.pre_tokenizer=deepseek-v3", code=2).stderr.decode()
    checks.that("fp8_block" in refused and "--encoding bf16" in refused, f"deepseek-v3: FP8 as it stands has no form in GGUF: {refused.strip()[:200]}")


def main():
    checks, out = Checks(), scratch()
    check_mxfp4(checks, out)
    check_fp8(checks, out, (16, 24), "F32")
    check_fp8(checks, out, (128, 128), "BF16")
    checks.finish()


if __name__ == "__main__":
    main()
