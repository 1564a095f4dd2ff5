"""Golden data stays small enough for everyone to clone."""

from common import files, report

LIMIT = 25_000_000  # bytes

total = sum(p.stat().st_size for p in files() if p.parts[:2] == ("tests", "golden"))
report([f"tests/golden: {total:,} bytes, at most {LIMIT:,} are allowed"] if total > LIMIT else [])
