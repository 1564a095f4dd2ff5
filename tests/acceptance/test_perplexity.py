#!/usr/bin/env python3
"""Our GGUF files in the real llama.cpp: f16 equals the Hugging Face folder in transformers, q8_0 equals f16, q4_0 is no worse than
llama-quantize's. The figures of transformers and llama-quantize were computed once (tests/golden/perplexity.json and
llama_quantize.json say how; tests/golden/make has the scripts)."""
import json

from common import GOLDEN, SMOL, Checks, llama, model, run, scratch, text

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


def main():
    checks, cpp, out = Checks(), llama(), scratch()
    wanted, peer = transformers_figure(SMOL), llama_quantize_figure(SMOL, "Q4_0")
    found = {}
    for recipe in ("f16", "q8_0", "q4_0"):
        path = out / f"{recipe}.gguf"
        run("quantize", model(SMOL), "--recipe", recipe, "--to", path)
        loaded = cpp.Model(path)
        found[recipe] = cpp.perplexity(loaded, text(), limit=CHUNKS)["perplexity"]
        loaded.close()
    checks.that(abs(found["f16"] / wanted - 1) <= 0.005, f"f16 {found['f16']:.4f}, transformers f32 {wanted:.4f}: within 0.5 %")
    checks.that(abs(found["q8_0"] / found["f16"] - 1) <= 0.005, f"q8_0 {found['q8_0']:.4f}, f16 {found['f16']:.4f}: within 0.5 %")
    checks.that(found["q4_0"] <= peer, f"q4_0 {found['q4_0']:.4f}, llama-quantize {peer:.4f}: no worse")
    checks.finish()


if __name__ == "__main__":
    main()
