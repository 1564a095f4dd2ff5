#!/usr/bin/env python3
"""Checkpoints as they are published: gpt-oss with MXFP4 experts, DeepSeek-V3 with FP8 matrices. Random codes and scales in the shape of the tiny
checkpoints; what they mean is computed here with numpy, as the specifications say."""
import json
import shutil

from common import GOLDEN, Checks, run, run_json, scratch, skip

try:
    import gguf
    import numpy as np
    from gguf.quants import dequantize
except ImportError:
    skip("the packages gguf and numpy are not installed")

FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)
DTYPES = {"BF16": np.dtype("<u2"), "F32": np.dtype("<f4"), "U8": np.dtype("u1"), "F8_E4M3": np.dtype("u1")}


def read_tensors(path):
    """{name: (dtype, array)} of a safetensors file."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + size])
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], np.frombuffer(raw, DTYPES[entry["dtype"]], offset=8 + size + entry["data_offsets"][0],
                                                 count=int(np.prod(entry["shape"]))).reshape(entry["shape"])) for name, entry in header.items()}


def write_tensors(path, tensors):
    header, at = {}, 0
    for name, (dtype, array) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(array.tobytes() for _, array in tensors.values()))


def folder_like(name, path, quantization, tensors):
    """The tiny checkpoint with other tensors and a description of their storage."""
    shutil.copytree(GOLDEN / "tiny" / name, path, ignore=shutil.ignore_patterns("gguf.json", "texts.json", "*.safetensors*"))
    config = json.loads((path / "config.json").read_text())
    if quantization:
        config["quantization_config"] = quantization
    (path / "config.json").write_text(json.dumps(config, indent=2))
    write_tensors(path / "model.safetensors", tensors)
    return path


def convert(name, source, target, *arguments):
    pre = json.loads((GOLDEN / "tiny" / name / "gguf.json").read_text()).get("fixed_pre")
    run("convert", source, target, "--format", "gguf", *arguments, *(["--set", f"outputs.0.options.pre_tokenizer={pre}"] if pre else []))
    return gguf.GGUFReader(target)


def raw(reader):
    return {t.name: (t.tensor_type.name, bytes(t.data.tobytes())) for t in reader.tensors}


def mxfp4_folder(path, random):
    """(folder, {name of the expert matrices: weights [experts, out, in]}, {the same: GGUF's blocks})."""
    source = read_tensors(GOLDEN / "tiny" / "gpt-oss" / "model.safetensors")
    tensors, weights, packed = {}, {}, {}
    for name, (dtype, array) in source.items():
        if not name.endswith(("gate_up_proj", "down_proj")):
            tensors[name] = (dtype, array)
            continue
        experts, cols, rows = array.shape  # [experts, in, out] in 16 bits, [experts, out, in / 32, 16] in blocks
        blocks = random.integers(0, 256, (experts, rows, cols // 32, 16), np.uint8)
        scales = random.integers(112, 124, (experts, rows, cols // 32), np.uint8)
        tensors[name + "_blocks"], tensors[name + "_scales"] = ("U8", blocks), ("U8", scales)
        codes = np.stack([blocks & 15, blocks >> 4], -1).reshape(experts, rows, cols // 32, 32)
        weights[name] = (FP4[codes] * np.exp2(scales.astype(np.float32) - 127)[..., None]).reshape(experts, rows, cols)
        nibbles = codes[..., :16] | codes[..., 16:] << 4
        packed[name] = np.concatenate([scales[..., None], nibbles], -1).reshape(experts, rows, -1)
    return folder_like("gpt-oss", path, {"quant_method": "mxfp4"}, tensors), weights, packed


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


def as_f32(array):
    return (array.astype(np.uint32) << 16).view(np.float32)


def e4m3(codes):
    codes = codes.astype(np.int32)
    exponent, mantissa = codes >> 3 & 15, codes & 7
    magnitude = np.where(exponent == 0, mantissa * 2.0 ** -9, (8 + mantissa) * np.exp2(exponent - 10.0))
    return np.where(codes & 128, -magnitude, magnitude).astype(np.float32)


def check_fp8(checks, out, tile, dtype):
    """Every matrix but embeddings, head and routers as FP8; the folder with the decoded matrices must give the same GGUF."""
    random, rows, cols = np.random.default_rng(4), *tile
    stored, plain = {}, {}
    for name, (kind, array) in read_tensors(GOLDEN / "tiny" / "deepseek-v3" / "model.safetensors").items():
        is_matrix = array.ndim == 2 and ("_proj" in name) and name.endswith(".weight")
        if not is_matrix:
            stored[name] = plain[name] = (kind, array)
            continue
        codes = random.integers(0, 255, array.shape, np.uint8)
        codes[codes == 127] = 126  # 127 and 255 are NaN
        shape = [-(-array.shape[0] // rows), -(-array.shape[1] // cols)]
        scales = (random.random(shape, np.float32) * 1e-3).astype(np.float32)
        if dtype == "BF16":
            scales = as_f32(scales.view(np.uint32) >> 16)
        stored[name] = ("F8_E4M3", codes)
        stored[name + "_scale_inv"] = (dtype, scales if dtype == "F32" else (scales.view(np.uint32) >> 16).astype("<u2"))
        wide = np.repeat(np.repeat(scales, rows, 0), cols, 1)[:array.shape[0], :array.shape[1]]
        plain[name] = ("F32", e4m3(codes) * wide)
    quantization = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": list(tile)}
    name = f"fp8-{rows}-{dtype}"
    first = folder_like("deepseek-v3", out / name, quantization, stored)
    second = folder_like("deepseek-v3", out / f"{name}-plain", None, plain)
    ours = raw(convert("deepseek-v3", first, out / f"{name}.gguf", "--encoding", "f32"))
    wanted = raw(convert("deepseek-v3", second, out / f"{name}-plain.gguf", "--encoding", "f32"))
    checks.that(ours and ours == wanted, f"deepseek-v3, tiles {rows} x {cols}, {dtype} scales: {len(ours)} GGUF tensors equal those of the decoded folder")
    compared = run_json("compare", second, first)
    checks.that(compared["relative_error"] == 0 and not compared["not_compared"], f"deepseek-v3: {len(compared['tensors'])} tensors equal the decoded ones")
    run("quantize", first, "--recipe", "q8_0", "--to", out / f"{name}.q8_0.gguf", "--format", "gguf", "--set", "outputs.0.options.pre_tokenizer=deepseek-v3")
    checks.that(True, "deepseek-v3: q8_0 from the FP8 folder")
    refused = run("convert", first, out / "as-stored.gguf", "--format", "gguf", "--set", "outputs.0.options.pre_tokenizer=deepseek-v3", code=2).stderr.decode()
    checks.that("fp8_block" in refused and "--encoding" in refused or "fallback" in refused, f"deepseek-v3: FP8 as it stands has no form in GGUF: {refused.strip()[:200]}")


def main():
    checks, out = Checks(), scratch()
    check_mxfp4(checks, out)
    check_fp8(checks, out, (16, 24), "F32")
    check_fp8(checks, out, (128, 128), "BF16")
    checks.finish()


if __name__ == "__main__":
    main()
