"""The files that the checks look at, and how they report."""

import subprocess
import sys
from pathlib import Path


def files(*suffixes):
    """Files that git tracks or would track, with one of the suffixes (all files without any)."""
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             check=True, capture_output=True, text=True).stdout
    paths = (Path(name) for name in sorted(set(listing.split("\0"))) if name)
    return [p for p in paths if p.is_file() and (not suffixes or p.suffix in suffixes)]


def text_lines(path):
    """The lines of a text file; none for a binary one."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


def report(problems):
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
