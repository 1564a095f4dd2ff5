#!/usr/bin/env python3
"""Do GPTQ and AWQ folders load in the library that people run them with, and what does it compute? For the environment that
tests/acceptance/test_packed_peers.py makes: torch, transformers, GPTQModel, optimum.

    packed_peers.py FOLDER --tokens 1,2,3 --out logits.f32     transformers with GPTQModel's kernels on the CPU
    packed_peers.py FOLDER --tokens 1,2,3 --out logits.f32 --float32   the same with scales, activations and products in f32, where those round to 16 bits
    packed_peers.py --jobs FILE [--threads N]                  many of these, one after the other: lines {"folder", "tokens": [..], "out", "float32"}
    packed_peers.py FOLDER --unpack FOLDER2                    the weights of all layers as GPTQModel decodes them, against MODULE.weight of FOLDER2

Prints JSON with what was loaded, of --jobs a line each. Exit code 1 if the library refuses a folder.
"""
import argparse
import json
import os
import pathlib
import sys

os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "2")
os.environ.setdefault("GPTQMODEL_DISABLE_PACK_EXT", "1")

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AwqConfig, GPTQConfig  # noqa: E402


def load(folder):
    """With the kernels in plain torch: others are compiled when they are first used, which takes minutes."""
    method = json.loads((pathlib.Path(folder) / "config.json").read_text())["quantization_config"]["quant_method"]
    backend = AwqConfig(bits=4, backend="torch_awq") if method == "awq" else GPTQConfig(bits=4, backend="torch")
    return AutoModelForCausalLM.from_pretrained(folder, device_map="cpu", quantization_config=backend).eval()


def in_f32(model, folder):
    """Floating tensors as the folder has them, not as they were cast when they were loaded; then f32 throughout. GPTQModel's torch kernel of GPTQ multiplies in
    the dtype of what it gets; that of AWQ knows 16 bits only, so its weights are decoded, by the function that it calls itself, with f32 scales."""
    from gptqmodel.nn_modules.qlinear.torch_awq import AwqTorchLinear
    from gptqmodel.quantization.awq.utils.packing_utils import dequantize_gemm
    from safetensors import safe_open
    own = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for tensor in own.values():
        if tensor.is_floating_point():
            tensor.data = tensor.data.float()
    for file in sorted(pathlib.Path(folder).glob("model*.safetensors")):
        with safe_open(file, "pt") as stored:
            for name in stored.keys():
                if name in own and own[name].is_floating_point():
                    own[name].data = stored.get_tensor(name).float()
    for name, module in list(model.named_modules()):
        module.__dict__.pop("dequantize_weight", None)  # compiled for each module when it is first called; the class has the function itself
        if isinstance(module, AwqTorchLinear):
            plain = torch.nn.Linear(module.in_features, module.out_features, bias=module.bias is not None)
            plain.weight.data = dequantize_gemm(module.qweight, module.qzeros, module.scales, module.bits, module.group_size).T.contiguous()
            if module.bias is not None:
                plain.bias.data = module.bias.data
            model.set_submodule(name, plain)


def kernels(model):
    """Class names of the modules that hold packed weights, with how many there are."""
    found = {}
    for module in model.modules():
        if hasattr(module, "qweight") or hasattr(module, "qzeros"):
            found[type(module).__name__] = found.get(type(module).__name__, 0) + 1
    return found


def run(folder, tokens, out, float32):
    model = load(folder)
    found = kernels(model)
    if float32:
        in_f32(model, folder)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0].float()
    logits.numpy().astype("<f4").tofile(out)
    return {"kernels": found, "positions": logits.shape[0], "finite": bool(torch.isfinite(logits).all())}


def unpack(folder, decoded):
    """Largest difference between the library's dequantized weights and those that polyquant decoded to an f32 or f16 folder."""
    from safetensors import safe_open
    model = load(folder)
    worst, count = 0.0, 0
    files = [safe_open(file, "pt") for file in sorted(pathlib.Path(decoded).glob("model*.safetensors"))]
    ours = {name: file for file in files for name in file.keys()}
    for name, module in model.named_modules():
        if not hasattr(module, "dequantize_weight"):
            continue
        weight = module.dequantize_weight().T.float()
        mine = ours[f"{name}.weight"].get_tensor(f"{name}.weight").float()
        worst, count = max(worst, float((weight - mine).abs().max())), count + 1
    return {"kernels": kernels(model), "layers": count, "max_difference": worst}


def said(call):
    """What a call returns, or the library's words: they are the finding."""
    try:
        return call()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:2000]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--tokens")
    parser.add_argument("--out")
    parser.add_argument("--unpack")
    parser.add_argument("--float32", action="store_true")
    parser.add_argument("--jobs", type=pathlib.Path)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.jobs:
        calls = [lambda job=json.loads(line): run(job["folder"], job["tokens"], job["out"], job["float32"]) for line in arguments.jobs.read_text().splitlines()]
    elif arguments.unpack:
        calls = [lambda: unpack(arguments.folder, arguments.unpack)]
    else:
        calls = [lambda: run(arguments.folder, [int(t) for t in arguments.tokens.split(",")], arguments.out, arguments.float32)]
    failed = False
    for call in calls:
        result = said(call)
        failed |= "error" in result
        print(json.dumps(result), flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
