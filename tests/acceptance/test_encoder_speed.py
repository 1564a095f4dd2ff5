#!/usr/bin/env python3
"""The encoders of the 32-weight blocks take one core at least 4 times as many weights per second as ggml's, with and without importance,
with AVX-512 and with AVX2 alone, and never leave a larger error: tests/bench/encoders.py on real rows, both in turn in the same run.
"""
import pathlib
import subprocess
import sys

from common import PROGRAM, ROOT, WIDE, Checks, model

TYPES = "q4_0,q4_1,q5_0,q5_1,q8_0"
REQUIRED = 4
TRIES = 4  # of each type, on a machine that may be busy; all figures of one of them must do


def main():
    checks, folder = Checks(), model(WIDE)
    build = pathlib.Path(PROGRAM).resolve().parents[1]
    if subprocess.run(["cmake", "--build", str(build), "--target", "codec_bench"], capture_output=True).returncode != 0:
        sys.exit(f"FAILED  codec_bench cannot be built in {build}")
    processor = pathlib.Path("/proc/cpuinfo").read_text()
    targets = [target for target, flag in (("AVX3", " avx512bw "), ("AVX2", " avx2 ")) if flag in processor]
    if not targets:
        print("SKIPPED: the 4 holds for processors with AVX2")
        sys.exit(77)  # not by skip(): a processor cannot be demanded
    bench = [sys.executable, str(ROOT / "tests" / "bench" / "encoders.py"), str(folder), "--rounds", "5", "--fastest", "--program", str(build / "bin" / "codec_bench"),
             "--targets", ",".join(targets), "--require", str(REQUIRED)]
    for kind in TYPES.split(","):
        for _ in range(TRIES):
            run = subprocess.run([*bench, "--types", kind], capture_output=True, text=True)
            if run.returncode == 0:
                break
        print(run.stdout)
        checks.that(run.returncode == 0, f"{kind}: at least {REQUIRED}x ggml's speed on a core, error not above ggml's {run.stderr.strip()}")
    checks.finish()


if __name__ == "__main__":
    main()
