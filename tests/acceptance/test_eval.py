#!/usr/bin/env python3
"""polyquant eval, compare --text and imatrix on real models: perplexities equal llama.cpp's on f16 files, a model does not diverge from itself, an
importance matrix is the same for any number of threads, has llama-imatrix's entries, and is used by quantize."""
from common import GEMMA, GOLDEN, SMOL, WIDE, Checks, llama, model, run, run_json, scratch, text

CHUNKS, CONTEXT = 4, 512
TOLERANCE = 0.005     # of a perplexity; measured: 0.00005
SAMPLES, LENGTH = 4, 128


def perplexities(checks, cpp, out):
    for name in (SMOL, GEMMA):
        file = out / f"{name}.f16.gguf"
        run("quantize", model(name), "--recipe", "f16", "--to", file)
        ours = run_json("eval", file, "--text", text(), "--context", CONTEXT, "--chunks", CHUNKS)
        judge = cpp.Model(file, context=CONTEXT)
        theirs = cpp.perplexity(judge, text(), CONTEXT, CHUNKS)
        judge.close()
        checks.that(abs(ours["perplexity"] / theirs["perplexity"] - 1) < TOLERANCE,
                    f"{name}: perplexity {ours['perplexity']:.4f}, llama.cpp {theirs['perplexity']:.4f}")
        checks.that(ours["tokens"] == theirs["tokens"], f"{name}: {ours['tokens']} predictions, llama.cpp {theirs['tokens']}")


def divergence(checks, out):
    folder = model(SMOL)
    self = run_json("eval", folder, "--reference", folder, "--text", text(), "--chunks", 2)
    checks.that(self["kld"]["max"] == 0 and self["same_top"] == 1, f"a model against itself: {self['kld']['max']}")
    run("quantize", folder, "--recipe", "q8_0", "--to", out / "q8_0.gguf")
    both = run_json("compare", folder, out / "q8_0.gguf", "--text", text(), "--chunks", 2)
    checks.that(0 < both["kld"]["median"] <= both["kld"]["mean"] < 0.01 and both["same_top"] > 0.95,
                f"q8_0: KL divergence {both['kld']['mean']:.5f}, same most probable token {both['same_top']:.3f}")


def importance(checks, out):
    folder, texts = model(WIDE), text("calibration.jsonl")
    files = []
    for threads in (1, 2):
        files.append(out / f"{threads}.gguf")
        run("imatrix", folder, "--calibration", texts, "--samples", SAMPLES, "--length", LENGTH, "--to", files[-1], "--threads", threads)
    checks.that(files[0].read_bytes() == files[1].read_bytes(), "imatrix: same bytes for 1 and 2 threads")
    names = [{t["name"] for t in run_json("inspect", f)["tensors"]} for f in (files[0], GOLDEN / "imatrix" / "SmolLM2-135M-wide.imatrix.gguf")]
    checks.that(names[0] == names[1], f"imatrix: the {len(names[1])} tensors of llama-imatrix's file")
    run("quantize", folder, "--imatrix", files[0], "--recipe", "iq2_xs", "--to", out / "iq2_xs.gguf")
    checks.that(True, "imatrix: quantize takes the file")
    run("imatrix", folder, "--calibration", texts, "--samples", 1, "--length", 8, "--to", files[0], code=2)
    checks.that(files[0].read_bytes() == files[1].read_bytes(), "imatrix: an existing file is refused")
    for arguments, code, what in ((("--calibration", out / "none.txt"), 3, "missing text"), (("--calibration", folder / "config.json"), 3, "no text"),
                                  (("--calibration", texts, "--length", 1 << 20, "--samples", 1), 2, "too little text")):
        result = run("imatrix", folder, "--to", out / "x.gguf", *arguments, code=code)
        checks.that(not (out / "x.gguf").exists(), f"imatrix, {what}: {result.stderr.decode().strip()[-120:]}")


def main():
    checks, cpp, out = Checks(), llama(), scratch()
    perplexities(checks, cpp, out)
    divergence(checks, out)
    importance(checks, out)
    checks.finish()


if __name__ == "__main__":
    main()
