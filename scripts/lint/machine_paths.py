"""Nothing may depend on where one machine keeps its files."""

import re

from common import files, report, text_lines

PATHS = re.compile(r"(?<![\w.$}~*-])/(?:work|farm|root|home/\w+|Users/\w+|tmp/bash_jobs)(?:/|\b(?!\w))")

problems = []
for path in files():
    for number, line in enumerate(text_lines(path), 1):
        if found := PATHS.search(line):
            problems.append(f"{path}:{number}: path of one machine: {found.group(0)}")
report(problems)
