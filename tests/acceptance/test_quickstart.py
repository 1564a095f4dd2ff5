#!/usr/bin/env python3
"""scripts/quickstart.sh on a fresh clone of this tree with nothing built: exit 0, files that llama.cpp loads and continues a text with; a second call
takes seconds.

How long the first call may take (15 minutes on 2 cores) depends on the compiler cache; the script prints what it took.
"""
import os
import subprocess
import time

from common import ROOT, SMOL, Checks, llama, scratch, skip

MINUTES = 15
SECOND_CALL_SECONDS = 30  # asks the package manager, the build tool and the cache, and prints what is there


def quickstart(tree, out):
    begin = time.monotonic()
    result = subprocess.run(["bash", "scripts/quickstart.sh"], cwd=tree, env={**os.environ, "POLYQUANT_OUT": str(out)}, capture_output=True, text=True)
    return result, time.monotonic() - begin


def main():
    checks, out = Checks(), scratch()
    tree = out / "tree"
    if subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{ROOT}", str(tree)]).returncode != 0:
        skip("this tree is no git repository that can be cloned")
    result, seconds = quickstart(tree, out / "files")
    checks.that(result.returncode == 0, f"quickstart.sh: exit code {result.returncode} after {seconds:.0f} s {result.stderr[-400:]}")
    checks.that(seconds < 60 * MINUTES, f"quickstart.sh: less than {MINUTES} minutes")
    cpp = llama()
    for name in ("Q8_0", "Q4_0"):
        file = out / "files" / f"{SMOL}-{name}.gguf"
        text = subprocess.run([os.sys.executable, cpp.__file__, "generate", str(file), "The capital of France is", "-n", "8"],
                              capture_output=True, text=True)
        checks.that(text.returncode == 0 and "Paris" in text.stdout, f"{file.name} in llama.cpp: {text.stdout.strip()!r} {text.stderr[-200:]}")
    result, seconds = quickstart(tree, out / "files")
    checks.that(result.returncode == 0 and seconds < SECOND_CALL_SECONDS, f"quickstart.sh again: exit code {result.returncode} after {seconds:.1f} s")
    checks.finish()


if __name__ == "__main__":
    main()
