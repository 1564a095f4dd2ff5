#!/usr/bin/env python3
"""eval and logits --activations engine against llama.cpp, which multiplies with rounded activations: KL divergences of quantized files, and how far
rounding moves the logits. (Which logits it moves where is chance: a difference of one bit somewhere moves a code, and a few layers later all of them.)"""
import numpy as np

from common import WIDE, Checks, llama, model, run, run_json, scratch, text

CHUNKS, CONTEXT = 8, 512
KLD = 0.05   # of a mean divergence: what llama.cpp's judge and ours may differ by
MOVED = 0.1  # of the distance that rounding moves the logits of a token, in the median


def peer(cpp, path):
    """llama.cpp's tokens and logits of the first chunk, and its log-probabilities at the scored positions of all."""
    judge = cpp.Model(path, context=CONTEXT)
    ids = judge.tokens(text().read_text(encoding="utf-8"))[:CONTEXT]
    logits = judge.logits(ids)
    rows = np.concatenate([logp.astype(np.float32) for logp, _ in cpp.chunks(judge, text(), CONTEXT, CHUNKS)])
    judge.close()
    return ids, logits, rows


def ours(path, ids, mode):
    found = run("logits", path, "--tokens", ",".join(map(str, ids)), "--activations", mode).stdout
    return np.frombuffer(found, np.float32).reshape(len(ids), -1)


def moved(a, b):
    """The median over tokens of the distance of two rows."""
    return float(np.median(np.sqrt(np.mean((a - b) ** 2, axis=1))))


def divergence(p, q):
    return float(np.mean([np.sum(np.exp(a) * (a - b), dtype=np.float64) for a, b in zip(p, q)]))


def main():
    checks, cpp, out = Checks(), llama(), scratch()
    base = out / "f16.gguf"
    run("quantize", model(WIDE), "--recipe", "f16", "--to", base)
    ids, _, p = peer(cpp, base)
    for recipe in ("q4_0", "q4_k_m"):
        file = out / f"{recipe}.gguf"
        run("quantize", model(WIDE), "--recipe", recipe, "--to", file)
        _, logits, q = peer(cpp, file)
        theirs = divergence(p, q)
        found = {mode: run_json("eval", file, "--reference", base, "--text", text(), "--context", CONTEXT, "--chunks", CHUNKS,
                                "--activations", mode) for mode in ("f32", "engine")}
        mean = {mode: result["kld"]["mean"] for mode, result in found.items()}
        checks.that(abs(mean["engine"] / theirs - 1) <= KLD,
                    f"{recipe}: KL divergence {mean['engine']:.5f} with the engine's activations, llama.cpp {theirs:.5f} "
                    f"({100 * (mean['engine'] / theirs - 1):+.1f} %); with f32 {mean['f32']:.5f} ({100 * (mean['f32'] / theirs - 1):+.1f} %)")
        checks.that(all(result["activations"] == mode for mode, result in found.items()), "the JSON says which")
        exact, rounded = ours(file, ids, "f32"), ours(file, ids, "engine")
        ratio = moved(rounded, exact) / moved(logits, exact)
        checks.that(abs(ratio - 1) <= MOVED, f"{recipe}: logits lie {ratio:.3f} times as far from those of f32 activations as llama.cpp's")
        file.unlink()
    checks.finish()


if __name__ == "__main__":
    main()
