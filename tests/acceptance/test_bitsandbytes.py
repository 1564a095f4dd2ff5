#!/usr/bin/env python3
"""Folders of the format `bitsandbytes` in the real library: transformers loads them on the CPU, and computes the logits that polyquant computes from them.

bitsandbytes is kept in an environment of its own, in the cache, which takes torch and transformers from that of test_transformers.py; POLYQUANT_TORCH=1
makes both.

    test_bitsandbytes.py [KIND...]     only these of nf4 nf4_nested fp4 int8
"""
import os
import subprocess
import sys

from common import CACHE, SMOL, Checks, model, run, scratch, skip
from test_transformers import with_transformers

VENV = CACHE / "bitsandbytes"
KINDS = {"nf4": "nf4", "nf4_nested": "nf4:double_quant=true", "fp4": "fp4:block=64", "int8": "int8"}
TOKENS = [1, 504, 3575, 282, 4649, 314, 7042, 30, 657, 2571, 253, 1123, 28, 965, 327, 260, 2240, 284, 8003, 18]
# Of the logits' standard deviation. 4 bits are decoded and multiplied in f32; LLM.int8() also quantizes activations, to f16 sums.
TOLERANCE = {"nf4": 1e-3, "nf4_nested": 1e-3, "fp4": 1e-3, "int8": 0.15}


def with_bitsandbytes():
    """Goes on in the environment that has the library, or skips the script."""
    python = VENV / "bin" / "python"
    if sys.executable == str(python):
        return
    if not python.exists():
        with_transformers()  # from here on in its environment
        if os.environ.get("POLYQUANT_TORCH") != "1":
            skip(f"bitsandbytes is not in {VENV}; POLYQUANT_TORCH=1 installs it")
        import sysconfig
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False)
        site = subprocess.run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True,
                              check=False).stdout.strip()
        if site:
            with open(os.path.join(site, "transformers.pth"), "w", encoding="utf-8") as file:
                file.write(sysconfig.get_path("purelib") + "\n")
        subprocess.run([str(python), "-m", "pip", "install", "-q", "--no-deps", "bitsandbytes"], check=False)
    works = subprocess.run([str(python), "-c", "import bitsandbytes, transformers"], capture_output=True, check=False).returncode == 0
    if not works:
        skip(f"bitsandbytes cannot be imported in {VENV}; remove the folder, POLYQUANT_TORCH=1 makes it again")
    os.execv(str(python), [str(python), *sys.argv])


def library_logits(folder):
    import torch
    from transformers import AutoModelForCausalLM
    loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, device_map="cpu", attn_implementation="eager")
    kinds = {type(module).__name__ for module in loaded.modules()}
    # For a quantized model transformers takes the dtype of config.json, whatever it is asked for.
    for tensor in (*loaded.parameters(), *loaded.buffers()):
        if tensor.dtype in (torch.bfloat16, torch.float16):
            tensor.data = tensor.data.float()
    with torch.no_grad():
        return loaded.eval()(input_ids=torch.tensor([TOKENS]), use_cache=False).logits[0].float().numpy(), kinds


def our_logits(folder):
    import numpy as np
    raw = run("logits", folder, "--tokens", ",".join(map(str, TOKENS))).stdout
    return np.frombuffer(raw, "<f4").reshape(len(TOKENS), -1)


def main():
    with_bitsandbytes()
    import numpy as np
    checks, source, out = Checks(), model(SMOL), scratch()
    for kind in sys.argv[1:] or KINDS:
        folder = out / kind
        run("quantize", source, "--to", folder, "--format", "bitsandbytes", "--encoding", KINDS[kind],
            "--set", "outputs.0.rules=[{match: embedding, encoding: bf16}]", "--set", "outputs.0.options.dtype=float32")
        theirs, modules = library_logits(folder)
        ours = our_logits(folder)
        checks.that(("Linear8bitLt" if kind == "int8" else "Linear4bit") in modules, f"{kind}: transformers makes the library's modules")
        error = float(np.sqrt(np.mean((ours - theirs) ** 2)) / theirs.std())
        same = int((ours.argmax(1) == theirs.argmax(1)).sum())
        checks.that(error < TOLERANCE[kind], f"{kind}: logits differ by {error:.2e} of their spread, at most by {np.abs(ours - theirs).max():.2e}")
        checks.that(same >= len(TOKENS) - (2 if kind == "int8" else 0), f"{kind}: {same} of {len(TOKENS)} positions have the same best token")
    checks.finish()


if __name__ == "__main__":
    main()
