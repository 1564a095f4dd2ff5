"""What the acceptance scripts share: the program under test, the real models, llama.cpp, and how to report.

Environment (all optional):
  POLYQUANT        the program; default build/release/bin/polyquant of this tree
  POLYQUANT_CACHE  where models and peers are kept; default ~/.cache/polyquant
  POLYQUANT_REQUIRE_PEERS  1: packages and models that cannot be had fail a script instead of skipping it

Exit codes of a script: 0 all checks hold, 1 one does not, 77 skipped (ctest shows it as such).
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("POLYQUANT_CACHE", pathlib.Path.home() / ".cache" / "polyquant"))
PROGRAM = pathlib.Path(os.environ.get("POLYQUANT", ROOT / "build" / "release" / "bin" / "polyquant"))
REQUIRED = os.environ.get("POLYQUANT_REQUIRE_PEERS") == "1"
GOLDEN = ROOT / "tests" / "golden"
SMOL, WIDE, GEMMA = "SmolLM2-135M-Instruct", "SmolLM2-135M-wide", "gemma-3-270m"

sys.path.insert(0, str(ROOT / "tests" / "interop"))


def skip(reason):
    """Ends the script as skipped; as failed if what it misses is demanded."""
    print(f"SKIPPED: {reason}")
    sys.exit(1 if REQUIRED else 77)


def left_out(reason):
    """Says that a part of a script cannot run here; ends the script as failed if what is missing is demanded."""
    print(f"left out: {reason}")
    if REQUIRED:
        sys.exit(1)


class Checks:
    """Counts checks; prints each with its figures."""

    def __init__(self):
        self.failed = 0
        self.passed = 0

    def that(self, condition, text):
        print(("ok      " if condition else "FAILED  ") + text, flush=True)
        self.passed += bool(condition)
        self.failed += not condition

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed or not self.passed else 0)


def run(*arguments, code=0, stdin=None, env=None, cwd=None, timeout=600):
    """Runs the program. Fails the script if the exit code is another than `code` (None: any)."""
    command = [str(PROGRAM), *map(str, arguments)]
    result = subprocess.run(command, input=stdin, capture_output=True, env={**os.environ, **(env or {})}, cwd=cwd, timeout=timeout)
    if code is not None and result.returncode != code:
        sys.exit(f"FAILED  {' '.join(command)}: exit code {result.returncode} instead of {code}\n{result.stderr.decode(errors='replace')}")
    return result


def run_json(*arguments, **options):
    return json.loads(run(*arguments, "--json", **options).stdout)


def model(name):
    """Folder of a real model, made by scripts/make_model.py; skips the script if its packages cannot be had."""
    folder = CACHE / "models" / name
    if not (folder / "model.safetensors").exists():
        made = subprocess.run([sys.executable, str(ROOT / "scripts" / "make_model.py"), "--model", name, "--out", str(CACHE / "models")])
        if made.returncode != 0:
            skip(f"the model {name} cannot be made here")
    return folder


def text(name="wiki.eval.txt"):
    path = CACHE / "texts" / name
    if not path.exists():
        made = subprocess.run([sys.executable, str(ROOT / "scripts" / "make_texts.py"), "--out", str(CACHE / "texts")])
        if made.returncode != 0:
            skip("the texts cannot be made here")
    return path


def llama():
    """The module tests/interop/llama_cpp.py, or a skipped script."""
    try:
        import llama_cpp
        llama_cpp.library()
        return llama_cpp
    except (ImportError, OSError, SystemExit) as error:
        skip(f"llama.cpp (package xllamacpp) cannot be used here: {error}")


def llama_quantize(source, target, recipe):
    """Runs llama-quantize, in a process of its own; False, after saying why, if it cannot be had here."""
    script = ROOT / "tests" / "interop" / "llama_quantize.py"
    made = subprocess.run([sys.executable, str(script), str(source), str(target), recipe], capture_output=True, text=True)
    if made.returncode != 0:
        print(f"llama-quantize cannot be used here: {made.stderr.strip().splitlines()[-1]}")
    return made.returncode == 0


def scratch():
    """A folder that lives as long as the script."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="polyquant-acceptance-"))
    import atexit
    atexit.register(shutil.rmtree, folder, True)
    return folder


def tiny_model(target):
    """A fresh copy of the tiny Llama checkpoint (made by tests/golden; its tokenizer needs pre_tokenizer: llama-bpe)."""
    shutil.copytree(GOLDEN / "tiny" / "llama", target, ignore=shutil.ignore_patterns("gguf.json", "texts.json"))
    return target
