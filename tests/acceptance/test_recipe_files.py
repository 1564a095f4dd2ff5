#!/usr/bin/env python3
"""The file of every recipe loads in llama.cpp, computes finite logits there, and has the file type that llama-quantize gives.

    test_recipe_files.py [--all]

SmolLM2-135M-Instruct (columns that are no multiple of 256, so most recipes take their fallbacks) with every recipe; its wide copy, with an importance
matrix, and Gemma 3 270M with some. --all: every recipe with every model.
"""
import json
import pathlib
import subprocess
import sys

from common import GEMMA, GOLDEN, ROOT, SMOL, WIDE, Checks, llama, model, run, scratch

import llama_quantize

IMATRIX = {WIDE: GOLDEN / "imatrix" / "SmolLM2-135M-wide.imatrix.gguf"}
SOME = {WIDE: ("q2_k", "q4_k_m", "iq1_m", "iq2_m", "iq3_xxs", "iq4_xs", "tq1_0"), GEMMA: ("q3_k_m", "q5_k_s", "iq2_xxs", "iq4_nl")}


def recipes():
    return sorted(path.stem for path in (ROOT / "pipelines" / "recipes").glob("*.yaml") if path.stem in llama_quantize.FILE_TYPES)


def load_and_run(path):
    script = ROOT / "tests" / "interop" / "load_and_run.py"
    done = subprocess.run([sys.executable, str(script), str(path)], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {"error": (done.stderr.strip() or f"exit code {done.returncode}")[-500:]}


def check(checks, name, recipe, out):
    imatrix = ("--imatrix", IMATRIX[name]) if name in IMATRIX else ()
    made = run("quantize", model(name), "--recipe", recipe, "--to", out, "--force", *imatrix, code=None)
    if made.returncode != 0:
        checks.that(False, f"{name} {recipe}: exit code {made.returncode}: {made.stderr.decode(errors='replace').strip()[-500:]}")
        return
    found = load_and_run(out)
    good = found.get("finite") and found["spread"] > 0 and found["file_type"] == llama_quantize.FILE_TYPES[recipe]
    checks.that(good, f"{name} {recipe}: {out.stat().st_size / 1e6:.1f} MB, {found}")


def main():
    checks, everything = Checks(), "--all" in sys.argv[1:]
    llama()
    checks.that(len(recipes()) == len(llama_quantize.FILE_TYPES), f"{len(recipes())} recipes for {len(llama_quantize.FILE_TYPES)} file types of llama.cpp")
    out = pathlib.Path(scratch()) / "model.gguf"
    for name in (SMOL, WIDE, GEMMA):
        for recipe in recipes() if everything or name == SMOL else SOME[name]:
            check(checks, name, recipe, out)
    checks.finish()


if __name__ == "__main__":
    main()
