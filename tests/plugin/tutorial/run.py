"""Installs polyquant into a temporary folder and runs the tutorial's shell blocks against it, as a reader would.

run.py CMAKE BUILD_FOLDER PAGE PROJECT_FOLDER
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{command} failed with exit code {done.returncode}:\n{done.stdout}")
    return done.stdout


def has_model(environment):
    """Whether the small real model is there, for the blocks that use it."""
    cache = environment.get("POLYQUANT_CACHE", os.path.expanduser("~/.cache/polyquant"))
    models = pathlib.Path(environment.setdefault("POLYQUANT_MODELS", os.path.join(cache, "models")))
    if (models / "SmolLM2-135M-Instruct" / "config.json").is_file():
        return True
    print("LEFT OUT: what the tutorial does with a model, which is not here")
    if environment.get("POLYQUANT_REQUIRE_PEERS") == "1":
        sys.exit(1)
    return False


def change(source, page):
    """Applies the page's diff, whose parts have no line numbers."""
    text = source.read_text(encoding="utf-8")
    for part in re.search(r"^```diff\n@@\n(.*?)^```$", page, re.MULTILINE | re.DOTALL).group(1).split("@@\n"):
        lines = part.splitlines(keepends=True)
        old, new = ("".join(line[1:] for line in lines if line[0] in signs) for signs in (" -", " +"))
        expect(text.count(old) == 1, "this part of the page's diff is not in the source once", part)
        text = text.replace(old, new)
    source.write_text(text, encoding="utf-8")


def expect(condition, what, output):
    if not condition:
        sys.exit(f"{what}; the output was:\n{output}")


def main():
    cmake, build, page, project = sys.argv[1:5]
    with tempfile.TemporaryDirectory(prefix="polyquant-tutorial-") as scratch:
        prefix = pathlib.Path(scratch) / "prefix"
        work = pathlib.Path(scratch) / "ternary5"
        shutil.copytree(project, work)
        run([cmake, "--install", build, "--prefix", str(prefix)])
        environment = dict(os.environ, PATH=f"{prefix / 'bin'}:{os.environ['PATH']}", CMAKE_PREFIX_PATH=str(prefix))
        environment.pop("POLYQUANT_PLUGIN_PATH", None)
        environment.pop("POLYQUANT_DATA", None)

        text = pathlib.Path(page).read_text(encoding="utf-8")
        scripts = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        output = ""
        for script in scripts:
            if "POLYQUANT_MODELS" in script and not has_model(environment):
                continue
            output += run(["sh", "-euc", script], cwd=work, env=environment)
        expect("conformance.ternary5" in output and "100% tests passed" in output, "the conformance test did not run", output)
        expect("ternary5" in output.split("100% tests passed")[1], "`polyquant plugins` does not list the plugin", output)

        # Every line that the page shows of the conformance program is one that it prints.
        checks = run(["polyquant-conformance", "build/ternary5.so"], cwd=work, env=environment)
        for line in "".join(re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)).splitlines():
            expect(line in checks.splitlines(), f"the page shows what is not printed: {line}", checks)

        cache = (work / "build" / "CMakeCache.txt").read_text()
        expect("CMAKE_BUILD_TYPE:STRING=Release" in cache, "without a build type it is not Release", cache)
        for page in ("reference/families.md", "how-to/add-a-model-family.md"):
            expect((prefix / "share/doc/polyquant" / page).is_file(), f"{page} is not installed", "")

        # The change at the end of the page passes the checks, too: those of importance among them.
        change(work / "ternary5.cpp", text)
        run([cmake, "--build", "build"], cwd=work, env=environment)
        checks = run(["polyquant-conformance", "build/ternary5.so"], cwd=work, env=environment)
        expect("importance is used if uses_importance says so" in checks, "the checks of importance did not run", checks)

        # Installed without a word of where, the plugin is found without any path.
        run([cmake, "--install", "build"], cwd=work, env=environment)
        listed = json.loads(run(["polyquant", "plugins", "--json"], cwd=work, env=environment))
        names = {plugin["name"] for plugin in listed if plugin["ok"]}
        expect("ternary5" in names, "the installed plugin is not found", listed)


if __name__ == "__main__":
    main()
