#!/usr/bin/env python3
"""Broken checkpoints of every kind of architecture (bad_architectures.py): `quantize` answers each with exit code 3 and one sentence with the
place, and leaves no file. Run it with POLYQUANT pointing at a sanitizer build to see that nothing crashes."""
import json
import re
import shutil

from bad_architectures import CASES
from common import GOLDEN, Checks, run, scratch


def main():
    checks, out = Checks(), scratch()
    for name, what, spoil, pattern in CASES:
        folder, target = out / "model", out / "result.gguf"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(GOLDEN / "tiny" / name, folder)
        for extra in ("logits.safetensors", "gguf.json", "hidden.json", "texts.json"):
            (folder / extra).unlink(missing_ok=True)
        spoil(folder)
        golden = json.loads((GOLDEN / "tiny" / name / "gguf.json").read_text())
        pre = ["--set", f"outputs.0.options.pre_tokenizer={golden['fixed_pre']}"] if golden.get("fixed_pre") else []
        result = run("quantize", folder, "--recipe", "q8_0", "--to", target, *pre, code=None)
        message = result.stderr.decode(errors="replace").strip()
        errors = [line for line in message.splitlines() if line.startswith("polyquant: error:")]
        left = [p.name for p in out.glob("result.gguf*")]
        good = result.returncode == 3 and len(errors) == 1 and re.search(pattern, errors[0]) and not left and "Sanitizer" not in message
        shown = errors[0][18:].replace(str(out), "") if errors else message[-300:]
        checks.that(good, f"{name}: {what}: {result.returncode} {shown}{' LEFT ' + str(left) if left else ''}")
    checks.finish()


if __name__ == "__main__":
    main()
