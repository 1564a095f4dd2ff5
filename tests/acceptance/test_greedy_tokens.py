#!/usr/bin/env python3
"""llama.cpp continues prompts from the q8_0 file with the tokens that it takes from the bf16 file, greedily: on the real models, with pieces of a
text, and on the small checkpoints of tests/golden/tiny beside llama-quantize's own q8_0 files, with random prompts.

    test_greedy_tokens.py [--prompts 48] [--lengths 1 2 4] [--tiny-prompts 32] [--theirs] [--f32] [MODEL...]     MODEL: a real one, or tiny
    --lengths: new tokens of the real models
    --theirs: of the real models, too, llama-quantize's file
    --f32: a file in f32 as well; its weights are those of the bf16 file, for which llama.cpp rounds activations to bf16

Two models are looked at side by side, each by llama.cpp with one thread in a process of its own.
"""
import argparse
import concurrent.futures
import json
import multiprocessing

from arrays import np
from common import GEMMA, GOLDEN, SMOL, WIDE, Checks, left_out, llama, llama_quantize, model, run, scratch, text
from test_architectures import write

PROMPT_TOKENS = 16
# Of the real models: so many must be alike after 90 % of all prompts. Together, because one model's share has a standard error of 4 %: measured 93.8 %,
# 95.8 % and, of Gemma, 89.6 %.
GATED_TOKENS = 2
REFUSED = {"deepseek-v2", "deepseek-v3"}  # by llama-quantize
TINY_PROMPT_TOKENS, TINY_LENGTHS, SIDE_BY_SIDE = 12, (1, 2, 3, 4), 32
# Of the small checkpoints' prompts: with 1,216 and with 9,728 ours are alike as often as theirs or more often at every length, by 0.0 to 1.0 %.
NOISE = 0.01


def prompts_of(cpp, path, count):
    """Pieces of the text at equal distances, with BOS in front if the model wants it."""
    judge = cpp.Model(path, threads=1)
    ids = judge.tokens(text().read_text(encoding="utf-8"), add_special=False)
    start = [judge.bos] if judge.adds_bos else []
    judge.close()
    return [start + ids[k:k + PROMPT_TOKENS] for k in range(0, len(ids) - PROMPT_TOKENS, len(ids) // count)][:count]


def continued(cpp, path, prompts, count):
    """The next tokens, [prompts, count]."""
    judge = cpp.Model(path, context=len(prompts[0]) + count + 1, threads=1, sequences=min(len(prompts), SIDE_BY_SIDE))
    found = [ids for k in range(0, len(prompts), SIDE_BY_SIDE) for ids in judge.continuations(prompts[k:k + SIDE_BY_SIDE], count)]
    judge.close()
    return np.array(found)


def alike(expected, found, lengths):
    """Per length the prompts whose new tokens are the same."""
    return np.array([(expected[:, :n] == found[:, :n]).all(axis=1).sum() for n in lengths])


def percent(counts, total, lengths):
    return ", ".join(f"{n}: {count / total:.1%}" for n, count in zip(lengths, counts))


def real(name, out, options):
    """Per length the prompts that continue alike, and how many prompts there are."""
    cpp, longest = llama(), max(options.lengths)
    half, small, theirs = (out / f"{name}.{kind}.gguf" for kind in ("bf16", "q8_0", "theirs"))
    run("convert", model(name), half, "--format", "gguf", "--encoding", "bf16", "--threads", 1)
    run("quantize", model(name), "--recipe", "q8_0", "--to", small, "--threads", 1)
    prompts = prompts_of(cpp, half, options.prompts)
    expected = continued(cpp, half, prompts, longest)
    counts = alike(expected, continued(cpp, small, prompts, longest), options.lengths)
    print(f"        {name}: q8_0 continues {len(prompts)} prompts as bf16 does, new tokens: {percent(counts, len(prompts), options.lengths)}", flush=True)
    if options.theirs and llama_quantize(half, theirs, "q8_0"):
        other = alike(expected, continued(cpp, theirs, prompts, longest), options.lengths)
        print(f"        {name}: llama-quantize's q8_0: {percent(other, len(prompts), options.lengths)}", flush=True)
    if options.f32:
        full = out / f"{name}.f32.gguf"
        run("convert", model(name), full, "--format", "gguf", "--encoding", "f32", "--threads", 1)
        print(f"        {name}: f32: {percent(alike(expected, continued(cpp, full, prompts, longest), options.lengths), len(prompts), options.lengths)}", flush=True)
        full.unlink()
    for path in (half, small, theirs):
        path.unlink(missing_ok=True)
    return counts, len(prompts)


def tiny(out, options):
    """Conditions that must hold, with their sentences."""
    cpp = llama()
    ours, theirs, alone, total, without, same_weights = 0, 0, 0, 0, [], 0
    for entry in json.loads((GOLDEN / "tiny" / "index.json").read_text()):
        name = entry["name"]
        if not entry["llama_cpp"]["loads"]:
            continue
        half = write("convert", name, out / "bf16.gguf", "--encoding", "bf16", "--force")
        small = write("quantize", name, out / "q8_0.gguf", "--recipe", "q8_0", "--force")
        judge = cpp.Model(half, threads=1)
        random = np.random.default_rng(7)
        prompts = [random.integers(3, judge.n_vocab - 32, TINY_PROMPT_TOKENS).tolist() for _ in range(options.tiny_prompts)]
        judge.close()
        expected, found = (continued(cpp, path, prompts, max(TINY_LENGTHS)) for path in (half, small))
        counts = alike(expected, found, TINY_LENGTHS)
        if llama_quantize(half, out / "theirs.gguf", "q8_0"):
            ours, total = ours + counts, total + len(prompts)
            theirs = theirs + alike(expected, continued(cpp, out / "theirs.gguf", prompts, max(TINY_LENGTHS)), TINY_LENGTHS)
        else:
            alone, without = alone + counts, without + [name]
        if options.f32:
            full = write("convert", name, out / "f32.gguf", "--encoding", "f32", "--force")
            same_weights = same_weights + alike(expected, continued(cpp, full, prompts, max(TINY_LENGTHS)), TINY_LENGTHS)
    if total == 0:
        left_out("llama-quantize's q8_0 files of the small checkpoints")
        return []
    everything = total + options.tiny_prompts * len(without)
    print(f"        all small checkpoints, {everything} prompts: {percent(ours + alone, everything, TINY_LENGTHS)}")
    if options.f32:
        print(f"        all small checkpoints, f32: {percent(same_weights, everything, TINY_LENGTHS)}")
    return [(set(without) <= REFUSED, f"llama-quantize writes the q8_0 files of all small checkpoints but {', '.join(without) or 'none'}"),
            (bool(np.all(ours >= theirs - NOISE * total)), f"{total} prompts of small checkpoints continue as from bf16, new tokens: ours "
             f"{percent(ours, total, TINY_LENGTHS)}; llama-quantize's {percent(theirs, total, TINY_LENGTHS)}")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[GEMMA, WIDE, SMOL, "tiny"], help="the longest first")
    parser.add_argument("--prompts", type=int, default=48)
    parser.add_argument("--lengths", type=int, nargs="+", default=[1, GATED_TOKENS, 4])
    parser.add_argument("--tiny-prompts", type=int, default=32)
    parser.add_argument("--theirs", action="store_true")
    parser.add_argument("--f32", action="store_true")
    options = parser.parse_args()
    checks, out = Checks(), scratch()
    llama()  # skips the script without it
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        parts = [(name, pool.submit(tiny, out, options) if name == "tiny" else pool.submit(real, name, out, options)) for name in options.models]
    found = [part.result() for name, part in parts if name != "tiny"]
    for condition, text_of in (pair for name, part in parts if name == "tiny" for pair in part.result()):
        checks.that(condition, text_of)
    if found and GATED_TOKENS in options.lengths:
        counts, total = sum(f[0] for f in found), sum(f[1] for f in found)
        checks.that(counts[options.lengths.index(GATED_TOKENS)] >= 0.9 * total,
                    f"real models, {total} prompts continue from q8_0 as from bf16, new tokens: {percent(counts, total, options.lengths)}")
    checks.finish()


if __name__ == "__main__":
    main()
