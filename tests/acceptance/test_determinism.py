#!/usr/bin/env python3
"""The same pipeline with 1 and 2 threads gives identical bytes, and quantizing stays below 15 % of the model's bf16 size + 200 MB."""
import hashlib

from common import SMOL, Checks, model, run_json, scratch

PIPELINE = """
version: 1
model: {model}
outputs:
  - {{format: gguf, recipe: q4_0, to: {out}/q4_0.gguf}}
  - {{format: gguf, recipe: q5_1, to: {out}/q5_1.gguf}}
  - {{format: gguf, recipe: q8_0, to: {out}/q8_0.gguf}}
  - {{format: safetensors, encoding: f16, to: {out}/f16}}
"""


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(folder):
    return {str(p.relative_to(folder)): sha256(p) for p in sorted(folder.rglob("*")) if p.is_file()}


def main():
    checks, out = Checks(), scratch()
    folder = model(SMOL)
    limit = 0.15 * (folder / "model.safetensors").stat().st_size + 200e6
    found = []
    for threads in (1, 2):
        target = out / str(threads)
        pipeline = out / f"{threads}.yaml"
        pipeline.write_text(PIPELINE.format(model=folder, out=target))
        result = run_json("run", pipeline, "--threads", threads)
        peak = result["peak_memory_bytes"]
        checks.that(peak <= limit, f"{threads} threads: peak memory {peak / 1e6:.0f} MB, limit {limit / 1e6:.0f} MB, "
                                   f"{result['seconds']:.2f} s for 4 outputs")
        found.append(digest(target))
    checks.that(len(found[0]) >= 5, f"{len(found[0])} files were written")
    checks.that(found[0] == found[1], "identical bytes with 1 and 2 threads")
    checks.finish()


if __name__ == "__main__":
    main()
