"""Runs the blocks of a page:  run_blocks.py POLYQUANT PAGE.md

```yaml            a pipeline, or some top-level keys of one: `polyquant plan` must accept it
```yaml NAME       the same, and it is kept under that name for later blocks
```sh              runs in the page's own folder, after all blocks before it
```sh fails N      must end with exit code N

Blocks of other languages (text, c++, ...) are not run.
"""
import os
import re
import subprocess
import sys
import tempfile

from common import MODEL, environment, run

DEFAULTS = {
    "version": "version: 1\n",
    "model": "model: ${POLYQUANT_MODELS}/" + MODEL + "\n",
    "outputs": "outputs:\n  - {format: gguf, recipe: q8_0, to: fragment.gguf}\n",
}


def blocks(page):
    """Language, further words and text of each fenced block, with its line."""
    with open(page, encoding="utf-8") as file:
        text = file.read()
    for match in re.finditer(r"^```(\S+)[ ]*([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 1
        yield line, match.group(1), match.group(2).split(), match.group(3)


def completed(text):
    """The pipeline with the keys that a fragment leaves out."""
    keys = set(re.findall(r"^(\w+):", text, re.MULTILINE))
    return "".join(value for key, value in DEFAULTS.items() if key not in keys) + text


def run_yaml(name, text, env, folder):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(completed(text))
    return run(["polyquant", "plan", "--json", name], env, folder)


def run_shell(words, text, env, folder):
    expected = int(words[1]) if words[:1] == ["fails"] else 0
    result = subprocess.run(["bash", "-euo", "pipefail", "-c", text], env=env, cwd=folder, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode == expected:
        return None
    return f"exit code {result.returncode}, expected {expected}\n{result.stdout[-4000:]}"


def main():
    polyquant, page = sys.argv[1:]
    failures = count = 0
    with tempfile.TemporaryDirectory() as folder:
        env = environment(polyquant, os.path.join(folder, "out"))
        for line, language, words, text in blocks(page):
            if language == "yaml":
                error = run_yaml(words[0] if words else "fragment.yaml", text, env, folder)
            elif language == "sh":
                error = run_shell(words, text, env, folder)
            else:
                continue
            count += 1
            if error:
                failures += 1
                print(f"{page}:{line}: {error}")
    print(f"{count - failures} of {count} blocks ok")
    return 1 if failures or count == 0 else 0


sys.exit(main())
