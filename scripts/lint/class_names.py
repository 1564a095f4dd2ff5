"""No two files of the program define a class of the same name in the same namespace: each is right for itself, but the linker keeps the
functions of one only (a violation of the one-definition rule, which no compiler reports). Unnamed namespaces are a file's own."""

import re

from common import files, report, text_lines

DEFINITION = re.compile(r"^(?:class|struct) (?:PQ_API )?(\w+)(?: final)?(?: : [^;]*| )\{")
OPEN = re.compile(r"^namespace ?([\w:]*) ?\{$")
CLOSE = re.compile(r"^\}  // namespace")


def classes(path):
    namespaces = []
    for line in text_lines(path):
        if opened := OPEN.match(line):
            namespaces.append(opened[1])
        elif CLOSE.match(line) and namespaces:
            namespaces.pop()
        elif (found := DEFINITION.match(line)) and namespaces and "" not in namespaces:
            yield "::".join([*namespaces, found[1]])


known, problems = {}, []
for path in files(".hpp", ".cpp"):
    if path.parts[0] != "framework":
        continue
    for name in classes(path):
        if known.setdefault(name, path) != path:
            problems.append(f"{path}: {name} is defined in {known[name]}, too; rename one of them")
report(problems)
