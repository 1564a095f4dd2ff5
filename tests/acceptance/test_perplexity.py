#!/usr/bin/env python3
"""Our GGUF files in the real llama.cpp: f16 equals the Hugging Face folder in transformers, q8_0 equals f16, q4_0 is no worse than
llama-quantize's. The figures of transformers and llama-quantize were computed once (tests/golden/perplexity.json says how)."""
import json

from common import GOLDEN, SMOL, Checks, llama, model, run, scratch, text

CHUNKS = 20


def main():
    checks, cpp, out = Checks(), llama(), scratch()
    golden = json.loads((GOLDEN / "perplexity.json").read_text())
    wanted = golden["transformers"][SMOL][str(CHUNKS)]
    found = {}
    for recipe in ("f16", "q8_0", "q4_0"):
        path = out / f"{recipe}.gguf"
        run("quantize", model(SMOL), "--recipe", recipe, "--to", path)
        loaded = cpp.Model(path)
        found[recipe] = cpp.perplexity(loaded, text(), limit=CHUNKS)["perplexity"]
        loaded.close()
    peer = golden["llama-quantize"][SMOL]["q4_0"]
    checks.that(abs(found["f16"] / wanted - 1) <= 0.005, f"f16 {found['f16']:.4f}, transformers f32 {wanted:.4f}: within 0.5 %")
    checks.that(abs(found["q8_0"] / found["f16"] - 1) <= 0.005, f"q8_0 {found['q8_0']:.4f}, f16 {found['f16']:.4f}: within 0.5 %")
    checks.that(found["q4_0"] <= peer, f"q4_0 {found['q4_0']:.4f}, llama-quantize {peer:.4f}: no worse")
    checks.finish()


if __name__ == "__main__":
    main()
