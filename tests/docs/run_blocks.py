"""Runs the blocks of a page:  run_blocks.py POLYQUANT PAGE.md

```yaml            a pipeline, or some top-level keys of one: `polyquant plan` must accept it
```yaml NAME       the same, and it is kept under that name for later blocks
```sh              runs in the page's own folder, after all blocks before it; what it exports stays
```sh fails N      must end with exit code N

Blocks of other languages (text, c++, ...) are not run. Two comments, which readers do not see, each on a line of its own:

<!-- run first: COMMAND -->    what the reader of the page has done already
<!-- not run: REASON -->       before a block: it is left out, and the output says so

The page's folder is empty but for `models`, with the real models, and `build/release`, the build tree that the program is in; so is the home folder
but for the cache that scripts/quickstart.sh makes.
"""
import os
import re
import subprocess
import sys
import tempfile

from common import MODEL, page_environment, run

DEFAULTS = {
    "version": "version: 1\n",
    "model": "model: ${POLYQUANT_MODELS}/" + MODEL + "\n",
    "outputs": "outputs:\n  - {format: gguf, recipe: q8_0, to: fragment.gguf}\n",
}


BLOCK = re.compile(r"^<!-- (run first|not run): ([^\n]+) -->$|^```(\S+)[ ]*([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    """Line, language, further words and text of each fenced block; language "left out" for those that are marked so, with the reason as text."""
    with open(page, encoding="utf-8") as file:
        text = file.read()
    reason = None
    for match in BLOCK.finditer(text):
        mark, said, language, words, content = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        if mark == "not run":
            reason = said
            continue
        if mark == "run first":
            language, words, content = "sh", "", said
        yield (line, language, words.split(), content) if reason is None else (line, "left out", [], reason)
        reason = None


def completed(text):
    """The pipeline with the keys that a fragment leaves out."""
    keys = set(re.findall(r"^(\w+):", text, re.MULTILINE))
    return "".join(value for key, value in DEFAULTS.items() if key not in keys) + text


def run_yaml(name, text, env, folder):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(completed(text))
    return run(["polyquant", "plan", "--json", name], env, folder)


def run_shell(words, text, env, folder):
    """Runs the block; `env` becomes what the block leaves."""
    expected = int(words[1]) if words[:1] == ["fails"] else 0
    with tempfile.NamedTemporaryFile() as left:
        script = f'trap \'env -0 > "{left.name}"\' EXIT\n{text}'
        result = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=env, cwd=folder, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        env.update(pair.split("=", 1) for pair in left.read().decode().split("\0") if pair)
    if result.returncode == expected:
        return None
    return f"exit code {result.returncode}, expected {expected}\n{result.stdout[-4000:]}"


def main():
    polyquant, page = sys.argv[1:]
    failures = count = 0
    with tempfile.TemporaryDirectory() as folder:
        env = page_environment(polyquant, folder)
        work = os.path.join(folder, "work")
        for line, language, words, text in blocks(page):
            if language == "left out":
                print(f"LEFT OUT: {page}:{line}: {text}")
                continue
            if language == "yaml":
                error = run_yaml(words[0] if words else "fragment.yaml", text, env, work)
            elif language == "sh":
                error = run_shell(words, text, env, work)
            else:
                continue
            count += 1
            if error:
                failures += 1
                print(f"{page}:{line}: {error}")
    print(f"{count - failures} of {count} blocks ok")
    return 1 if failures else 0


sys.exit(main())
