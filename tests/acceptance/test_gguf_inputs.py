#!/usr/bin/env python3
"""Any GGUF file is an input like any other: every checkpoint of tests/golden/tiny in mixed encodings, and in the forms of older files.

The folder made from a quantized file is compared with the folder made from a file of f32, which llama.cpp's Python package (gguf) decoded
tensor by tensor and wrote.

    test_gguf_inputs.py [NAME...]     only these checkpoints
"""
import json
import sys

from common import GOLDEN, Checks, run, run_json, scratch, skip

try:
    import gguf
    import numpy as np
    from gguf.quants import dequantize
except ImportError:
    skip("the packages gguf and numpy are not installed")

# Parts of one Hugging Face tensor in different encodings: gate and up of experts, keys and values of latent attention; beside a recipe.
MIXTURES = [["--recipe", "q4_k_m"], ["--recipe", "iq3_m"],
            ["--encoding", "q8_0", "--set", 'outputs.0.rules=[{match: "ffn_up|attn_v", encoding: q4_0}, {match: "ffn_gate", encoding: q5_1}]', "--set",
            "outputs.0.fallback=f16"]]


def pre_option(name, key="outputs.0.options.pre_tokenizer"):
    pre = json.loads((GOLDEN / "tiny" / name / "gguf.json").read_text()).get("fixed_pre")
    return ["--set", f"{key}={pre}"] if pre else []


def copy_metadata(reader, writer, changes):
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        kinds, value = field.types, changes.get(field.name, field.contents())
        if value is None:
            continue
        writer.add_key_value(field.name, value, kinds[0], kinds[1] if len(kinds) > 1 else None)


def rewrite(source, target, tensors=None, changes=None):
    """A GGUF file with the metadata of `source` and other tensors: {name: array of f32}; by default its own, decoded."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    copy_metadata(reader, writer, changes or {})
    for name, weights in (tensors or decoded(reader)).items():
        writer.add_tensor(name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def decoded(reader):
    """The f32 weights of every tensor, in the source framework's order of dimensions."""
    return {t.name: np.ascontiguousarray(dequantize(t.data, t.tensor_type).reshape([int(n) for n in reversed(t.shape)]), dtype=np.float32)
            for t in reader.tensors}


def folder_bytes(path):
    """{name: (shape, bytes)} of a folder that polyquant wrote."""
    found = {}
    for entry in run_json("inspect", path)["tensors"]:
        with open(path / entry["file"], "rb") as file:
            file.seek(entry["offset"])
            found[entry["name"]] = (tuple(entry["shape"]), entry["encoding"], file.read(entry["bytes"]))
    return found


def to_folder(source, target):
    run("convert", source, target, "--format", "safetensors", "--encoding", "f32", "--force")
    return folder_bytes(target)


def check_mixture(checks, name, out, arguments):
    mixed, plain = out / "mixed.gguf", out / "plain.gguf"
    run("quantize", GOLDEN / "tiny" / name, "--to", mixed, "--format", "gguf", "--force", *arguments, *pre_option(name))
    rewrite(mixed, plain)
    ours, wanted = to_folder(mixed, out / "ours"), to_folder(plain, out / "wanted")
    kinds = sorted({t.tensor_type.name for t in gguf.GGUFReader(mixed).tensors})
    checks.that(ours and ours == wanted, f"{name} {arguments[1]}: {len(ours)} Hugging Face tensors equal the decoded ones ({' '.join(kinds)})")
    return mixed, ours


def check_uses(checks, name, out, mixed, ours):
    """The file as input of every verb."""
    again = out / "again.gguf"
    run("quantize", mixed, "--recipe", "q5_0", "--to", again, "--force")
    few = run_json("compare", mixed, again)
    checks.that(few["tensors"] and few["relative_error"] < 0.01, f"{name}: quantized again as q5_0, relative error {few['relative_error']:.1e}")
    against = run_json("compare", GOLDEN / "tiny" / name, mixed)
    checks.that(against["tensors"] and not against.get("not_compared"),
                f"{name}: {len(against['tensors'])} tensors of the folder are compared with the file's, none is left out")
    different = [tensor for tensor, (_, _, data) in ours.items() if run("cat", mixed, tensor).stdout != data]
    checks.that(not different, f"{name}: cat gives the weights of all Hugging Face names {different[:3] or ''}")
    seen = run_json("inspect", mixed, next(iter(ours)))
    checks.that(seen["shape"] == list(next(iter(ours.values()))[0]), f"{name}: inspect knows the Hugging Face name {seen['name']}")
    run_json("inspect", mixed, "--check")


def check_single_experts(checks, name, out, mixed):
    """Files from before 2024-04: one tensor for each expert. (No model with biases of experts is as old.)"""
    reader = gguf.GGUFReader(mixed)
    tensors = decoded(reader)
    single = {}
    for tensor, weights in tensors.items():
        if tensor.endswith("_exps.weight"):
            for expert, matrix in enumerate(weights):
                single[tensor.replace("_exps.weight", f".{expert}.weight")] = np.ascontiguousarray(matrix)
        else:
            single[tensor] = weights
    if len(single) == len(tensors) or any(tensor.endswith("_exps.bias") for tensor in tensors):
        return
    old = rewrite(mixed, out / "single.gguf", single)
    ours, wanted = to_folder(old, out / "ours"), to_folder(mixed, out / "wanted")
    checks.that(ours == wanted, f"{name}: {len(ours)} Hugging Face tensors from a file with single experts")
    stacked = out / "stacked.gguf"
    run("convert", old, stacked, "--format", "gguf", "--force")
    found = decoded(gguf.GGUFReader(stacked))
    checks.that(found.keys() == tensors.keys() and all((found[k] == tensors[k]).all() for k in found),
                f"{name}: the experts are stacked when such a file becomes a GGUF file again")


def check_uncut_keys(checks, name, out, mixed):
    """DeepSeek files from before 2025-04: latent keys and values in one tensor, and the lengths of the whole heads."""
    reader = gguf.GGUFReader(mixed)
    tensors = decoded(reader)
    if not any(".attn_k_b." in tensor for tensor in tensors):
        return
    arch = reader.fields["general.architecture"].contents()
    value = {key.split(".", 1)[1]: field.contents() for key, field in reader.fields.items() if key.startswith(arch + ".")}
    old = {}
    for tensor, weights in tensors.items():
        if ".attn_k_b." in tensor:
            keys, values = weights.transpose(0, 2, 1), tensors[tensor.replace("attn_k_b", "attn_v_b")]
            joined = np.concatenate([keys, values], 1)
            old[tensor.replace("attn_k_b", "attn_kv_b")] = np.ascontiguousarray(joined.reshape(-1, joined.shape[-1]))
        elif ".attn_v_b." not in tensor:
            old[tensor] = weights
    changes = {f"{arch}.attention.head_count_kv": value["attention.head_count"], f"{arch}.attention.key_length": value["attention.key_length_mla"],
               f"{arch}.attention.value_length": value["attention.value_length_mla"],
               f"{arch}.attention.key_length_mla": None, f"{arch}.attention.value_length_mla": None}
    path = rewrite(mixed, out / "uncut.gguf", old, changes)
    ours, wanted = to_folder(path, out / "ours"), to_folder(mixed, out / "wanted")
    checks.that(ours == wanted, f"{name}: {len(ours)} Hugging Face tensors from a file with attn_kv_b")
    same = json.loads((out / "ours" / "config.json").read_text()) == json.loads((out / "wanted" / "config.json").read_text())
    checks.that(same, f"{name}: the same config.json from it")


def main():
    checks, out, only = Checks(), scratch(), sys.argv[1:]
    for entry in json.loads((GOLDEN / "tiny" / "index.json").read_text()):
        name = entry["name"]
        if only and name not in only:
            continue
        for arguments in MIXTURES:
            mixed, ours = check_mixture(checks, name, out, arguments)
        check_uses(checks, name, out, mixed, ours)
        check_single_experts(checks, name, out, mixed)
        check_uncut_keys(checks, name, out, mixed)
    checks.finish()


if __name__ == "__main__":
    main()
