#!/usr/bin/env python3
"""Our GGUF files in the real llama.cpp: f16 equals the Hugging Face folder in transformers, q8_0 equals f16, q4_0 is no worse than
llama-quantize's, made in the same run. The figures of transformers were computed once (tests/golden/perplexity.json says how;
tests/golden/make has the script); so was that of llama-quantize, for where the package with it cannot be had."""
import json

from common import GOLDEN, SMOL, Checks, llama, llama_quantize, model, run, scratch, text

CHUNKS = 20


def transformers_figure(name):
    """Perplexity of the Hugging Face folder in transformers, f32."""
    for entry in json.loads((GOLDEN / "perplexity.json").read_text())["models"]:
        for result in entry["results"] if entry["model"] == name else ():
            if result["chunks"] == CHUNKS:
                return result["perplexity_transformers_f32"]
    raise KeyError(name)


def llama_quantize_figure(name, kind):
    for entry in json.loads((GOLDEN / "llama_quantize.json").read_text())["runs"]:
        if (entry["model"], entry["type"], entry["imatrix"]) == (name, kind, False):
            return entry["perplexity"]
    raise KeyError(kind)


def peer_perplexity(cpp, out):
    """Of the q4_0 file that llama-quantize makes of our bf16 file."""
    run("quantize", model(SMOL), "--recipe", "bf16", "--to", out / "bf16.gguf")
    if llama_quantize(out / "bf16.gguf", out / "peer.gguf", "q4_0"):
        return perplexity(cpp, out / "peer.gguf")
    print("its figure of tests/golden/llama_quantize.json counts")
    return llama_quantize_figure(SMOL, "Q4_0")


def perplexity(cpp, path):
    loaded = cpp.Model(path)
    value = cpp.perplexity(loaded, text(), limit=CHUNKS)["perplexity"]
    loaded.close()
    return value


def main():
    checks, cpp, out = Checks(), llama(), scratch()
    wanted, peer = transformers_figure(SMOL), peer_perplexity(cpp, out)
    found = {}
    for recipe in ("f16", "q8_0", "q4_0"):
        path = out / f"{recipe}.gguf"
        run("quantize", model(SMOL), "--recipe", recipe, "--to", path)
        found[recipe] = perplexity(cpp, path)
    checks.that(abs(found["f16"] / wanted - 1) <= 0.005, f"f16 {found['f16']:.4f}, transformers f32 {wanted:.4f}: within 0.5 %")
    checks.that(abs(found["q8_0"] / found["f16"] - 1) <= 0.005, f"q8_0 {found['q8_0']:.4f}, f16 {found['f16']:.4f}: within 0.5 %")
    checks.that(found["q4_0"] <= peer, f"q4_0 {found['q4_0']:.4f}, llama-quantize {peer:.4f}: no worse")
    checks.finish()


if __name__ == "__main__":
    main()
