#!/usr/bin/env python3
"""No encoder leaves a larger weighted error than ggml's, whatever the weights and the importance, and `best` none above `normal`: every type,
importance and effort on small tensors of many kinds (tests/bench/encoder_errors.py, which has more of everything)."""
import sys

from common import PROGRAM, ROOT, WIDE, Checks, llama, model

sys.path.insert(0, str(ROOT / "tests" / "bench"))


SEEDS = {"q4_k": "1,3", "iq4_nl": "1,3,7", "q5_1": "1,2,4,10", "q4_1": "1,10", "q8_0": "1,4,7", "q3_k": "1,7,9", "q6_k": "1,7"}


def main():
    checks = Checks()
    llama()
    import encoder_errors
    for kind in encoder_errors.TYPES:
        options = encoder_errors.options_of([str(model(WIDE)), "--types", kind, "--program", str(PROGRAM),
                                             "--seeds", SEEDS.get(kind, "1")])
        failed, count = encoder_errors.check(options)
        checks.that(failed == 0, f"{kind}: {failed} of {count} cases above ggml's error or above a lower effort's")
    checks.finish()


if __name__ == "__main__":
    main()
