#!/usr/bin/env python3
"""Speed of encoding 1 MB of mixed text, beside the Hugging Face tokenizers library in the same run, one thread each.

    tokenizer_speed.py MODEL_FOLDER... [--bench build/release/bin/tokenizer_bench] [--text FILE] [--runs 7]

The text is made of English prose (--text), C++ and Python sources of this repository, and lines in many scripts. The programs run in turn; figures
are medians of CPU time; neither remembers words of an earlier run. The ids are compared. Prints Markdown. Needs: pip install tokenizers
"""
import argparse
import datetime
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

from machine import processor

os.environ["TOKENIZERS_PARALLELISM"] = "false"
ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ("Быстрая коричневая лиса прыгает через ленивую собаку. Η γρήγορη καφέ αλεπού. 数学と言語は道具である。想在苹果公司工作。 한국어 문장을 하나 더 씁니다. "
           "هذا نص عربي قصير. זה טקסט קצר. यह एक छोटा वाक्य है। ไทยแลนด์ 12 345 6789 3.14159 naïve café 🙂 👩‍🔬 done").split()


def mixed_text(prose, size=1_000_000):
    source = random.Random(3)
    code = "".join(path.read_text(encoding="utf-8") for folder in ("framework/src", "tests/acceptance")
                   for path in sorted((ROOT / folder).rglob("*")) if path.suffix in (".cpp", ".hpp", ".py"))
    lines = []
    while sum(map(len, lines)) < size // 8:
        lines.append(" ".join(source.choices(SCRIPTS, k=12)) + "\n")
    parts = prose.encode()[:size // 2] + "".join(lines).encode()[:size // 4]
    return (parts + code.encode()[:size - len(parts)]).decode(errors="ignore")


def checksum(ids):
    value = 0
    for token in ids:
        value = (value * 31 + token) % 2**64
    return value


def measure(folder, text, bench, runs):
    from tokenizers import Tokenizer
    ours, theirs = [], []
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        for _ in range(runs):
            result = json.loads(subprocess.run([bench, folder / "tokenizer.json", file.name, "--runs", "1"], check=True, capture_output=True).stdout)
            ours += result["seconds"]
            library = Tokenizer.from_file(str(folder / "tokenizer.json"))
            library.no_truncation()
            start = time.process_time()
            ids = library.encode(text, add_special_tokens=False).ids
            theirs.append(time.process_time() - start)
    if (len(ids), checksum(ids)) != (result["tokens"], result["checksum"]):
        sys.exit(f"{folder}: other ids than the tokenizers library")
    return len(text.encode()), len(ids), statistics.median(ours), statistics.median(theirs)


def main():
    import tokenizers
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--bench", type=pathlib.Path, default=ROOT / "build" / "release" / "bin" / "tokenizer_bench")
    parser.add_argument("--text", type=pathlib.Path, required=True, help="English prose, such as wiki.eval.txt of scripts/make_texts.py")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--require", type=float, default=0, help="exit 1 if polyquant is slower than this many MB/s")
    arguments = parser.parse_args()
    text = mixed_text(arguments.text.read_text(encoding="utf-8"))
    print(f"{processor()}, {datetime.date.today()}, tokenizers {tokenizers.__version__}, median of {arguments.runs} runs of CPU time\n")
    print("| tokenizer | text | tokens | polyquant | tokenizers | ratio |\n|---|---|---|---|---|---|")
    slowest = float("inf")
    for model in arguments.models:
        size, tokens, ours, theirs = measure(model, text, arguments.bench, arguments.runs)
        slowest = min(slowest, size / ours / 1e6)
        print(f"| {model.name} | {size / 1e6:.2f} MB | {tokens} | {size / ours / 1e6:.1f} MB/s | {size / theirs / 1e6:.1f} MB/s | {theirs / ours:.1f}x |", flush=True)
    sys.exit(1 if slowest < arguments.require else 0)


if __name__ == "__main__":
    main()
