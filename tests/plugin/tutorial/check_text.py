"""The code blocks of the tutorial, one after the other, are the files of its project:  check_text.py PAGE FOLDER."""
import pathlib
import re
import sys


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def lines(text):
    return [line for line in text.splitlines() if line.strip()]


def main():
    page = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    folder = pathlib.Path(sys.argv[2])
    for language, name in (("cmake", "CMakeLists.txt"), ("cpp", "ternary5.cpp")):
        shown = lines("\n".join(blocks(page, language)))
        stored = lines((folder / name).read_text(encoding="utf-8"))
        for number, (a, b) in enumerate(zip(shown, stored), 1):
            if a != b:
                sys.exit(f"{name}: line {number} without the blank ones is\n  {b}\nbut the page shows\n  {a}")
        if len(shown) != len(stored):
            sys.exit(f"{name}: has {len(stored)} lines, the page shows {len(shown)}")


if __name__ == "__main__":
    main()
