#!/usr/bin/env python3
"""Folders of the format `bitsandbytes` in the real library: transformers loads them on the CPU, and computes the logits that polyquant computes from them.

bitsandbytes is kept in an environment of its own, in the cache, which takes torch and transformers from that of test_transformers.py; POLYQUANT_TORCH=1
makes both.

    test_bitsandbytes.py [KIND...]     only these of nf4 nf4_nested fp4 int8
"""
import os
import subprocess
import sys

from common import CACHE, SMOL, Checks, model, run, scratch, skip, text
from test_transformers import with_transformers

VENV = CACHE / "bitsandbytes"
KINDS = {"nf4": "nf4", "nf4_nested": "nf4:double_quant=true", "fp4": "fp4:block=64", "int8": "int8"}
TOKENS = [1, 504, 3575, 282, 4649, 314, 7042, 30, 657, 2571, 253, 1123, 28, 965, 327, 260, 2240, 284, 8003, 18]
POSITIONS = 1024  # of wiki.eval.txt, with the weights that the library decodes; the kernels get TOKENS
LONG = ["nf4", "int8"]
# Of the logits' standard deviation. With the weights that the library decodes, in f32; and with its kernels, which on CPUs with bf16 instructions round
# scales and products of 4-bit layers to bf16, and for int8 quantize activations too.
DECODED = 2e-5  # measured: 1.6e-6
ARGMAX = 0.999  # of the positions have the same best token
KERNELS = {"nf4": 0.06, "nf4_nested": 0.06, "fp4": 0.06, "int8": 0.3}


def works(python):
    """Whether the library, and what transformers loads it with, can be imported."""
    return python.exists() and subprocess.run([str(python), "-c", "import accelerate, bitsandbytes, transformers"], capture_output=True,
                                              check=False).returncode == 0


def make_environment(python):
    """Beside torch and transformers, which it sees in the environment that this runs in, it has three packages of its own."""
    import sysconfig
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False)
    site = subprocess.run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True,
                          check=False).stdout.strip()
    if site:
        with open(os.path.join(site, "transformers.pth"), "w", encoding="utf-8") as file:
            file.write(sysconfig.get_path("purelib") + "\n")
    subprocess.run([str(python), "-m", "pip", "install", "-q", "--no-deps", "bitsandbytes", "accelerate", "psutil"], check=False)


def with_bitsandbytes():
    """Goes on in the environment that has the library, or skips the script."""
    python = VENV / "bin" / "python"
    if sys.executable == str(python):
        return
    if not works(python):
        with_transformers()  # from here on in its environment
        if os.environ.get("POLYQUANT_TORCH") != "1":
            skip(f"bitsandbytes does not work in {VENV}; POLYQUANT_TORCH=1 installs it")
        make_environment(python)
    if not works(python):
        skip(f"bitsandbytes and accelerate cannot be imported in {VENV}; remove the folder, POLYQUANT_TORCH=1 makes it again")
    os.execv(str(python), [str(python), *sys.argv])


def decode_layers(loaded):
    """Puts the weights as the library decodes them in place of its modules; how many there were of each kind."""
    import bitsandbytes.functional as functional
    import torch
    counts = {}
    for name, module in list(loaded.named_modules()):
        kind = type(module).__name__
        if kind == "Linear4bit":
            weight = functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
        elif kind == "Linear8bitLt":
            scales = module.weight.SCB if getattr(module.weight, "SCB", None) is not None else module.state.SCB
            weight = functional.int8_vectorwise_dequant(module.weight.data, scales)
        else:
            continue
        counts[kind] = counts.get(kind, 0) + 1
        plain = torch.nn.Linear(module.in_features, module.out_features, bias=module.bias is not None)
        plain.weight.data = weight.float()
        if module.bias is not None:
            plain.bias.data = module.bias.data.float()
        parent, _, child = name.rpartition(".")
        setattr(loaded.get_submodule(parent), child, plain)
    return counts


def library_logits(folder, tokens):
    """By the library's kernels, by the weights that it decodes, and its modules."""
    import torch
    from transformers import AutoModelForCausalLM

    def load():
        loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, device_map="cpu", attn_implementation="eager")
        # For a quantized model transformers takes the dtype of config.json, whatever it is asked for.
        for tensor in (*loaded.parameters(), *loaded.buffers()):
            if tensor.dtype in (torch.bfloat16, torch.float16):
                tensor.data = tensor.data.float()
        return loaded.eval()

    def logits(loaded, ids):
        with torch.no_grad():
            return loaded(input_ids=torch.tensor([ids]), use_cache=False).logits[0].float().numpy()

    by_kernels = logits(load(), TOKENS)
    decoded = load()
    counts = decode_layers(decoded)
    return by_kernels, logits(decoded, tokens), counts


def our_logits(folder, tokens):
    import numpy as np
    raw = run("logits", folder, "--tokens", ",".join(map(str, tokens))).stdout
    return np.frombuffer(raw, "<f4").reshape(len(tokens), -1)


def compare(checks, folder, what, theirs, tokens, tolerance):
    import numpy as np
    ours = our_logits(folder, tokens)
    error = float(np.sqrt(np.mean((ours - theirs) ** 2)) / theirs.std())
    same = int((ours.argmax(1) == theirs.argmax(1)).sum())
    checks.that(error < tolerance, f"{what}: logits differ by {error:.2e} of their spread, at most by {np.abs(ours - theirs).max():.2e}; "
                f"{same} of {len(tokens)} positions have the same best token")
    return same


def main():
    with_bitsandbytes()
    checks, source, out = Checks(), model(SMOL), scratch()
    long = [int(t) for t in run("tokens", source, text().read_text()[:8 * POSITIONS]).stdout.split()[:POSITIONS]]
    checks.that(len(long) == POSITIONS, f"{len(long)} tokens of the text")
    for kind in sys.argv[1:] or KINDS:
        folder = out / kind
        run("quantize", source, "--to", folder, "--format", "bitsandbytes", "--encoding", KINDS[kind],
            "--set", "outputs.0.rules=[{match: embedding, encoding: bf16}]", "--set", "outputs.0.options.dtype=float32")
        tokens = long if kind in LONG else TOKENS
        by_kernels, decoded, counts = library_logits(folder, tokens)
        wanted = "Linear8bitLt" if kind == "int8" else "Linear4bit"
        checks.that(list(counts) == [wanted], f"{kind}: transformers makes {counts.get(wanted, 0)} modules {wanted}")
        same = compare(checks, folder, f"{kind}, decoded weights", decoded, tokens, DECODED)
        checks.that(same >= ARGMAX * len(tokens), f"{kind}, decoded weights: the best tokens are the same at {same / len(tokens):.2%} of {len(tokens)} positions")
        compare(checks, folder, f"{kind}, kernels", by_kernels, TOKENS, KERNELS[kind])
    checks.finish()


if __name__ == "__main__":
    main()
