#!/usr/bin/env python3
"""A plugin outside the tree, built only against the installed package: it appears in `plugins`, passes the conformance suite, and
quantizes SmolLM2 through a pipeline."""
import json
import os
import re
import subprocess

from common import PROGRAM, ROOT, SMOL, Checks, model, scratch

PIPELINE = """version: 1
model: {model}
outputs:
  - format: {{type: safetensors, packed: true}}   # no engine knows the new encoding yet
    encoding: {encoding}
    fallback: bf16
    rules: [{{match: norm, encoding: f32}}]
    to: {out}/smol
"""
TUTORIAL = ROOT / "docs" / "tutorial"


def shell(*command, **options):
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    if result.returncode != 0:
        raise SystemExit(f"FAILED  {' '.join(map(str, command))}\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return result.stdout


def main():
    checks, out = Checks(), scratch()
    build = PROGRAM.parents[1]
    prefix, project = out / "prefix", next(p.parent for p in sorted(TUTORIAL.glob("*/CMakeLists.txt")))
    shell("cmake", "--install", build, "--prefix", prefix)
    source = next(project.glob("*.cpp"))
    lines = len(source.read_text().splitlines())
    checks.that(lines < 80, f"{source.name} has {lines} lines, fewer than 80")
    shell("cmake", "-S", project, "-B", out / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release")
    shell("cmake", "--build", out / "build")
    library = next((out / "build").rglob("*.so"))
    program = prefix / "bin" / "polyquant"
    environment = {**os.environ, "POLYQUANT_PLUGIN_PATH": str(library.parent)}
    listing = shell(program, "plugins", env=environment)
    encoding = re.search(r'EncodingEntry\{\s*"(\w+)"', source.read_text()).group(1)
    checks.that(encoding in listing, f"`polyquant plugins` of the installed program lists {encoding}")
    conformance = shell(next(prefix.rglob("polyquant-conformance")), library)
    checks.that(" 0 failed" in conformance, "conformance: " + conformance.strip().splitlines()[-1])
    (out / "pipeline.yaml").write_text(PIPELINE.format(model=model(SMOL), out=out, encoding=encoding))
    shell(program, "run", out / "pipeline.yaml", env=environment)
    listed = json.loads(shell(program, "inspect", out / "smol", "--json", env=environment))["tensors"]
    share = sum(t["encoding"].startswith(encoding) for t in listed)
    checks.that(share > 200, f"{share} of {len(listed)} tensors of SmolLM2 are stored as {encoding}")
    error = json.loads(shell(program, "compare", model(SMOL), out / "smol", "--json", env=environment))["relative_error"]
    checks.that(0 < error < 0.3, f"relative error {error:.4f} after reading them back")
    checks.finish()


if __name__ == "__main__":
    main()
