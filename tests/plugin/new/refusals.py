"""What `polyquant new plugin` refuses, and that it leaves nothing behind then:  refusals.py POLYQUANT"""
import pathlib
import subprocess
import sys
import tempfile

CASES = [
    (["Nf4"], "cannot be the name of a plugin"),
    (["../nf4"], "cannot be the name of a plugin"),
    (["x" * 41], "at most 40 characters"),
    (["test"], "a target of every CMake project"),
    (["rtn", "--kind", "quantizer"], "the quantizer 'rtn' exists already"),
    (["nf3", "--kind", "encodings"], "known: backend, encoding, format, quantizer"),
    (["there"], "exists already"),
    (["nf3", "--to", "/dev/null/nf3"], "the folder /dev/null cannot be made"),
    ([], "NAME is required"),
]


def main():
    polyquant, failures = sys.argv[1], 0
    with tempfile.TemporaryDirectory(prefix="polyquant-new-") as scratch:
        (pathlib.Path(scratch) / "there").mkdir()
        for arguments, message in CASES:
            done = subprocess.run([polyquant, "new", "plugin", *arguments], cwd=scratch, capture_output=True, text=True)
            left = sorted(path.name for path in pathlib.Path(scratch).iterdir())
            good = done.returncode == 2 and message in done.stderr and left == ["there"]
            failures += not good
            print(f"{'ok    ' if good else 'FAILED'} {arguments}: {done.returncode} {done.stderr.strip()} {left}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
