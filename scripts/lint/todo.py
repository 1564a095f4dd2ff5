"""Unfinished work has an issue: write TODO(#12)."""

import re

from common import files, report, text_lines

MARK = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")

problems = []
for path in files(".cpp", ".hpp", ".cu", ".cuh", ".comp", ".inc", ".cmake", ".sh", ".yaml", ".py", ".txt"):
    if path.parts[:2] in (("scripts", "lint"), ("tests", "golden")):
        continue
    for number, line in enumerate(text_lines(path), 1):
        if found := MARK.search(line):
            problems.append(f"{path}:{number}: {found.group(0)} without an issue number; write {found.group(0)}(#12)")
report(problems)
