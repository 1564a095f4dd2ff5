#!/usr/bin/env bash
# Shell and Python scripts can at least be parsed.
set -uo pipefail
status=0
while IFS= read -r file; do
  bash -n "$file" || status=1
done < <(git ls-files -co --exclude-standard '*.sh' .ci/run)
while IFS= read -r file; do
  python3 - "$file" <<'PYTHON' || status=1
import ast, pathlib, sys
try:
    ast.parse(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
except SyntaxError as error:
    sys.exit(f"{sys.argv[1]}:{error.lineno}: {error.msg}")
PYTHON
done < <(git ls-files -co --exclude-standard '*.py')
exit "$status"
