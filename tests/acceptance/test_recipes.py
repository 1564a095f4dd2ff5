#!/usr/bin/env python3
"""What `plan` chooses for the real models by every recipe is what llama.cpp chooses (tests/golden/recipes.json), with and without an
importance matrix. Recipes whose encodings no plugin of this build has are listed, not counted."""
import json
import re

from common import GEMMA, GOLDEN, SMOL, WIDE, Checks, model, run, scratch

IMATRIX = GOLDEN / "imatrix" / "SmolLM2-135M-wide.imatrix.gguf"


def written_out(runs):
    return [word for run in runs.split() for word, _, count in [run.partition("*")] for _ in range(int(count or 1))]


def wanted_types(golden, recipe, importance):
    changed = golden["types"].get(recipe + "+importance", {}) if importance else {}
    for stem, runs in golden["types"][recipe].items():
        types = written_out(changed.get(stem, runs))
        names = [stem] if any(stem == name for name, _ in golden["frame"]) else [f"blk.{i}.{stem}" for i in range(len(types))]
        yield from zip(names, types)


def main():
    checks, out, missing = Checks(), scratch(), {}
    for golden in json.loads((GOLDEN / "recipes.json").read_text())["models"]:
        if golden["name"] not in (SMOL, WIDE, GEMMA):
            continue
        for recipe in (r for r in golden["types"] if "+" not in r):
            for importance in (False, True) if golden["name"] == WIDE else (False,):
                pipeline = {"version": 1, "model": str(model(golden["name"])), "outputs": [{"format": "gguf", "recipe": recipe, "to": str(out / "x.gguf")}]}
                pipeline |= {"imatrix": str(IMATRIX)} if importance else {}
                (out / "p.yaml").write_text(json.dumps(pipeline))
                result = run("plan", out / "p.yaml", "--json", code=None)
                if result.returncode == 6:
                    missing[recipe] = re.search(rb"needs the encoding '(\w+)'", result.stderr)[1].decode()
                    continue
                found = {t["name"]: t["encoding"] for t in json.loads(result.stdout)["outputs"][0]["tensors"]}
                different = [n for n, kind in wanted_types(golden, recipe, importance) if found.get(n) != kind]
                checks.that(not different, f"{golden['name']} {recipe}{' with importance' if importance else ''} {different[:3] or ''}")
    for recipe, encoding in missing.items():
        print(f"not run: {recipe}: no plugin has {encoding}")
    checks.finish()


if __name__ == "__main__":
    main()
