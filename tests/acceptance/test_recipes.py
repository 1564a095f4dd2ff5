#!/usr/bin/env python3
"""What `plan` chooses for the real models by every recipe is what llama.cpp chooses (tests/golden/recipes.json), with and without an
importance matrix. Every encoding of a recipe must be there: a plugin that is missing fails the test."""
import json

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
    checks, out = Checks(), scratch()
    for golden in json.loads((GOLDEN / "recipes.json").read_text())["models"]:
        if golden["name"] not in (SMOL, WIDE, GEMMA):
            continue
        for recipe in (r for r in golden["types"] if "+" not in r):
            for importance in (False, True) if golden["name"] == WIDE else (False,):
                pipeline = {"version": 1, "model": str(model(golden["name"])), "outputs": [{"format": "gguf", "recipe": recipe, "to": str(out / "x.gguf")}]}
                pipeline |= {"imatrix": str(IMATRIX)} if importance else {}
                (out / "p.yaml").write_text(json.dumps(pipeline))
                result = run("plan", out / "p.yaml", "--json", code=None)
                title = f"{golden['name']} {recipe}{' with importance' if importance else ''}"
                if result.returncode != 0:
                    checks.that(False, f"{title}: {result.stderr.decode(errors='replace').strip()}")
                    continue
                found = {t["name"]: t["encoding"] for t in json.loads(result.stdout)["outputs"][0]["tensors"]}
                different = [n for n, kind in wanted_types(golden, recipe, importance) if found.get(n) != kind]
                checks.that(not different, f"{title} {different[:3] or ''}")
    checks.finish()


if __name__ == "__main__":
    main()
