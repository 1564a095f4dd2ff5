"""A file fits in the head: more than 300 lines is a warning, more than 500 an error. Tables (.inc) are free."""

from common import files, report

WARN, ERROR = 300, 500

problems = []
for path in files(".cpp", ".hpp", ".cu", ".cuh", ".comp", ".py"):
    if path.parts[:2] == ("tests", "golden"):
        continue
    lines = path.read_bytes().count(b"\n")
    if lines > ERROR:
        problems.append(f"{path}: {lines} lines, at most {ERROR} are allowed")
    elif lines > WARN:
        print(f"warning: {path}: {lines} lines, aim at 150 and stop at {WARN}")
report(problems)
