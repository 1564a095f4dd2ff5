"""Results that benchmarks keep, beside the options they were made with: other options are refused, not answered with them."""
import hashlib
import json
import pathlib
import sys


PIECES, PIECE = 256, 4096


def content(path):
    """Stands for what a file or a folder of files holds. Of large files pieces at equal distances are read."""
    path, found = pathlib.Path(path), hashlib.sha256()
    for name in sorted(path.iterdir()) if path.is_dir() else [path]:
        if not name.is_file():
            continue
        size = name.stat().st_size
        found.update(f"{name.name if path.is_dir() else ''} {size} ".encode())
        with name.open("rb") as file:
            for begin in range(0, size, max(PIECE, size // PIECES)):
                file.seek(begin)
                found.update(file.read(PIECE))
    return f"{path.resolve().name} (content {found.hexdigest()[:16]})"


def check(where, known, options):
    """Ends the program if what is kept in `where` was made with options `known` that are not these."""
    options = json.loads(json.dumps(options))
    for name, value in options.items():
        if name not in known:
            sys.exit(f"{where} does not say with which {name} it was made, here it is {value}; delete it, or choose another place")
        if known[name] != value:
            sys.exit(f"{where} was made with {name} {known[name]}, here it is {value}; delete it, or choose another place")


def same(file, options):
    """Notes the options of what is in a folder in `file`, or checks that they are those that are there."""
    if file.exists():
        check(file.parent, json.loads(file.read_text()), options)
    else:
        file.write_text(json.dumps(options, indent=1) + "\n")


def result(file, options, make):
    """What make() returned when `file` was written; called now if there is none."""
    if not file.exists():
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps({"options": options, "result": make()}, indent=1) + "\n")
        partial.rename(file)
    data = json.loads(file.read_text())
    check(file, data.get("options", {}), options)
    return data.get("result")
