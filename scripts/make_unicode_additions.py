#!/usr/bin/env python3
"""Writes framework/src/tokenizer/unicode_additions.inc: characters assigned after Unicode 14.0.

    pip install --target old unicodedata2==15.1.0; pip install --target new unicodedata2==16.0.0
    make_unicode_additions.py old new > framework/src/tokenizer/unicode_additions.inc

Needs a Python whose own unicodedata is of Unicode 14.0 (3.11).
"""
import importlib
import sys
import unicodedata


def load(folder):
    sys.path.insert(0, folder)
    sys.modules.pop("unicodedata2", None)
    importlib.invalidate_caches()
    module = importlib.import_module("unicodedata2")
    sys.path.pop(0)
    return module


def main():
    if unicodedata.unidata_version != "14.0.0":
        sys.exit(f"this Python has Unicode {unicodedata.unidata_version}, not 14.0.0")
    old = [load(sys.argv[1]).category(chr(c)) for c in range(0x110000)]
    version = sys.modules["unicodedata2"].unidata_version
    new_module = load(sys.argv[2])
    new = [new_module.category(chr(c)) for c in range(0x110000)]
    if (version, new_module.unidata_version) != ("15.1.0", "16.0.0"):
        sys.exit(f"the folders hold Unicode {version} and {new_module.unidata_version}")
    rows = []
    for c in range(0x110000):
        if unicodedata.category(chr(c)) != "Cn" or new[c] == "Cn":
            continue
        row = [c, c, new[c], 15 if old[c] != "Cn" else 16]
        if rows and rows[-1][1] == c - 1 and rows[-1][2:] == row[2:]:
            rows[-1][1] = c
        else:
            rows.append(row)
    print("// Made by scripts/make_unicode_additions.py: characters assigned after Unicode 14.0, {first, last, category, version}; 15 is 15.1.")
    for first, last, category, age in rows:
        print(f'{{0x{first:X}, 0x{last:X}, "{category}", {age}}},')


main()
