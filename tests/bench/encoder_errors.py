#!/usr/bin/env python3
"""Weighted error of every encoder beside ggml's, on small tensors of many kinds, with several importances and efforts.

    encoder_errors.py [MODEL_FOLDER] [--types q4_k,iq4_xs] [--kinds ternary,real] [--importances none,skewed] [--efforts fast,normal,best]
                      [--rows 16] [--cols 512] [--seeds 1,2] [--program polyquant] [--all]

A case is one tensor, importance, type and effort. It fails if our sum w (x - y)^2 is above ggml's (xllamacpp, in this process) by more than the
rounding of the comparison, or if `best` is above `normal`. Errors below 2^-24 of sum w x^2, those of rounding one number to f16, count as
none: there a result is a matter of luck. Without a model folder the kinds `real` and `real_attention` are left out. Exit code 1 if a case fails.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "interop"))
sys.path.insert(0, str(ROOT / "tests" / "bench"))
import llama_cpp  # noqa: E402
from encoders import tensor  # noqa: E402

TYPES = [name for name in llama_cpp.GGML_TYPES if name not in ("f32", "f16", "bf16")]
NEED_IMPORTANCE = ("iq2_xxs", "iq2_xs", "iq1_s")  # ggml's encoders; without importance they get ones
EFFORTS = ("fast", "normal", "best")
TOLERANCE = 1e-6
NEGLIGIBLE = 2.0**-24


def grid(random, shape, lowest, highest, step):
    return random.integers(lowest, highest + 1, shape) * np.float32(step)


KINDS = {
    "gauss": lambda r, s: r.standard_normal(s) * 0.02,
    "laplace": lambda r, s: r.laplace(size=s) * 0.02,
    "student_t3": lambda r, s: r.standard_t(3, size=s) * 0.02,
    "student_t1": lambda r, s: r.standard_t(1, size=s) * 0.02,
    "uniform": lambda r, s: r.random(s) - 0.5,
    "outliers": lambda r, s: r.standard_normal(s) * np.where(r.random(s) < 0.016, 20, 0.5),
    "huge_outlier": lambda r, s: r.standard_normal(s) * np.where(np.arange(s[1]) % 256 == 77, 1000, 0.02),
    "constant": lambda r, s: np.full(s, 0.0371),
    "constant_rows": lambda r, s: np.repeat(r.standard_normal((s[0], 1)), s[1], 1),
    "constant_groups": lambda r, s: np.repeat(r.standard_normal((s[0], s[1] // 32)), 32, 1),
    "one_magnitude": lambda r, s: np.where(r.random(s) < 0.5, 0.37, -0.37),
    "two_values": lambda r, s: np.where(r.random(s) < 0.5, 0.5, -0.25),
    "binary": lambda r, s: np.where(r.random(s) < 0.5, 0.0, 0.0371),
    "ternary": lambda r, s: grid(r, s, -1, 1, 0.0371),
    "int2_grid": lambda r, s: grid(r, s, -2, 1, 0.0371),
    "int3_grid": lambda r, s: grid(r, s, -4, 3, 0.0113),
    "levels_15": lambda r, s: grid(r, s, -7, 7, 0.0117),
    "int4_grid": lambda r, s: grid(r, s, -8, 7, 0.0117),
    "uint4_grid": lambda r, s: grid(r, s, 0, 15, 0.0117),
    "int8_grid": lambda r, s: grid(r, s, -127, 127, 0.00117),
    "positive": lambda r, s: np.abs(r.standard_normal(s)) * 0.02,
    "negative": lambda r, s: -np.abs(r.standard_normal(s)) * 0.02,
    "around_1": lambda r, s: 1 + 0.1 * r.standard_normal(s),
    "near_1": lambda r, s: 1 + 0.05 * r.standard_normal(s),
    "near_minus_1": lambda r, s: -1 + 0.01 * r.standard_normal(s),
    "sparse": lambda r, s: np.where(r.random(s) < 0.06, r.standard_normal(s), 0),
    "very_sparse": lambda r, s: np.where(r.random(s) < 0.004, r.standard_normal(s), 0),
    "half_zero_groups": lambda r, s: r.standard_normal(s) * np.repeat(r.random((s[0], s[1] // 32)) < 0.5, 32, 1),
    "one_hot": lambda r, s: np.eye(*s) * 1.5,
    "ramp": lambda r, s: np.linspace(-1, 1, s[1])[None] * r.random((s[0], 1)),
    "unequal_groups": lambda r, s: r.standard_normal(s) * np.exp(2 * np.repeat(r.standard_normal((s[0], s[1] // 32)), 32, 1)) * 0.02,
    "tiny": lambda r, s: r.standard_normal(s) * 1e-5,
    "tinier": lambda r, s: r.standard_normal(s) * 1e-6,
    "row_1e-4": lambda r, s: r.standard_normal(s) * 1e-4,
    "large": lambda r, s: r.standard_normal(s) * 1e3,
    "huge": lambda r, s: r.standard_normal(s) * 1e5,
}
IMPORTANCES = {
    "none": lambda r, n: None,
    "equal": lambda r, n: np.full(n, 0.7),
    "log_normal": lambda r, n: np.exp(r.standard_normal(n)),
    "skewed": lambda r, n: np.exp(4 * r.standard_normal(n)),
    "one_hot": lambda r, n: (np.arange(n) % 64 == 13) * 1.0,
    "half_zero": lambda r, n: np.exp(r.standard_normal(n)) * (r.random(n) < 0.5),
    "zero_groups": lambda r, n: np.exp(r.standard_normal(n)) * (np.arange(n) // 32 % 2),
}


def tensors(options, seed):
    """(kind, float32 [rows, cols]) of the kinds asked for."""
    shape = (options.rows, options.cols)
    for number, (kind, make) in enumerate(KINDS.items()):
        if not options.kinds or kind in options.kinds:
            yield kind, np.ascontiguousarray(make(np.random.default_rng((seed, number)), shape), np.float32)
    if options.model:
        for kind, name in (("real", "model.layers.12.mlp.down_proj.weight"), ("real_attention", "model.layers.7.self_attn.q_proj.weight")):
            if not options.kinds or kind in options.kinds:
                first = 16 * seed
                yield kind, np.ascontiguousarray(tensor(options.model, name)[first:first + options.rows, :options.cols])


def ours(options, kind, effort, weights, importance):
    """Decoded values of our encoding; the decoders are the same (test_encoders.py)."""
    command = [str(options.program), "codec", "encode", kind, "--cols", str(weights.shape[1]), "--effort", effort]
    with tempfile.NamedTemporaryFile(suffix=".f32") as file:
        if importance is not None:
            importance.tofile(file.name)
            command += ["--importance", file.name]
        encoded = subprocess.run(command, input=weights.tobytes(), capture_output=True, check=True).stdout
    return llama_cpp.dequantize(kind, np.frombuffer(encoded, np.uint8).reshape(len(weights), -1), weights.shape[1])


def theirs(kind, weights, importance):
    if importance is None and kind in NEED_IMPORTANCE:
        importance = np.ones(weights.shape[1], np.float32)
    return llama_cpp.dequantize(kind, llama_cpp.quantize(kind, weights, importance), weights.shape[1])


def relative_error(x, y, importance):
    x, w = x.astype(np.float64), 1.0 if importance is None else importance.astype(np.float64)
    squares = (x * x * w).sum()
    with np.errstate(over="ignore", invalid="ignore"):
        return float(((x - y) ** 2 * w).sum() / squares) if squares > 0 else 0.0


def above(a, b):
    """`b` is NaN where a scale of ggml's overflowed."""
    return a > NEGLIGIBLE and (a > b * (1 + TOLERANCE) or a != a)


def compare(options, seed):
    """Yields (type, importance, kind, {effort: our error}, ggml's error)."""
    kinds = list(tensors(options, seed))
    everything = np.concatenate([w for _, w in kinds])
    for kind in options.types:
        for name in options.importances:
            importance = IMPORTANCES[name](np.random.default_rng(seed), options.cols)
            importance = None if importance is None else importance.astype(np.float32)
            decoded = {effort: ours(options, kind, effort, everything, importance) for effort in options.efforts}
            peer = theirs(kind, everything, importance)
            for number, (data, w) in enumerate(kinds):
                part = slice(number * options.rows, (number + 1) * options.rows)
                yield kind, name, data, {e: relative_error(w, y[part], importance) for e, y in decoded.items()}, relative_error(w, peer[part], importance)


def failures(errors, ggml):
    found = [f"{effort} above ggml" for effort, error in errors.items() if above(error, ggml)]
    if "best" in errors and "normal" in errors and errors["best"] > errors["normal"] * (1 + TOLERANCE) + NEGLIGIBLE:
        found.append("best above normal")
    return found


def check(options):
    """Prints the cases that fail (all of them with options.all), returns their number and that of all."""
    count = failed = 0
    for seed in options.seeds:
        for kind, importance, data, errors, ggml in compare(options, seed):
            bad = failures(errors, ggml)
            count += 1
            failed += bool(bad)
            if bad or options.all:
                ratios = " ".join(f"{e} {error / ggml if ggml > 0 else np.inf:.4f}" for e, error in errors.items())
                print(f"{'FAILED' if bad else 'ok    '} {kind:8s} {importance:11s} {data:16s} {seed} {ratios}  ggml {ggml:.3e}  {', '.join(bad)}", flush=True)
    return failed, count


def options_of(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words = lambda text: text.split(",")
    parser.add_argument("model", type=pathlib.Path, nargs="?")
    parser.add_argument("--types", type=words, default=TYPES)
    parser.add_argument("--kinds", type=words)
    parser.add_argument("--importances", type=words, default=list(IMPORTANCES))
    parser.add_argument("--efforts", type=words, default=list(EFFORTS))
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--cols", type=int, default=512)
    parser.add_argument("--seeds", type=lambda text: [int(word) for word in text.split(",")], default=[1])
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "release" / "bin" / "polyquant")
    parser.add_argument("--all", action="store_true", help="print every case")
    return parser.parse_args(arguments)


def main():
    failed, count = check(options_of())
    print(f"{failed} of {count} cases failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
