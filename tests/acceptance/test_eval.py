#!/usr/bin/env python3
"""polyquant eval, compare --text and imatrix on real models: perplexities equal llama.cpp's on f16 files and transformers' on folders, a model does not
diverge from itself, a kept reference is llama-perplexity's file, questions are answered as by llama.cpp, an importance matrix is the same for any
number of threads, has llama-imatrix's entries, and is used by quantize."""
import json

import numpy as np

from common import GEMMA, GOLDEN, SMOL, WIDE, Checks, llama, model, run, run_json, scratch, text

CHUNKS, CONTEXT = 4, 512
TOLERANCE = 0.005     # of a perplexity; measured: 0.00005
TRANSFORMERS = 0.001  # likewise, of folders
SAMPLES, LENGTH = 4, 128


def perplexities(checks, cpp, out):
    for name in (SMOL, GEMMA):
        file = out / f"{name}.f16.gguf"
        run("quantize", model(name), "--recipe", "f16", "--to", file)
        ours = run_json("eval", file, "--text", text(), "--context", CONTEXT, "--chunks", CHUNKS)
        judge = cpp.Model(file, context=CONTEXT)
        theirs = cpp.perplexity(judge, text(), CONTEXT, CHUNKS)
        judge.close()
        checks.that(abs(ours["perplexity"] / theirs["perplexity"] - 1) < TOLERANCE,
                    f"{name}: perplexity {ours['perplexity']:.4f}, llama.cpp {theirs['perplexity']:.4f}")
        checks.that(ours["tokens"] == theirs["tokens"], f"{name}: {ours['tokens']} predictions, llama.cpp {theirs['tokens']}")


def transformers(checks):
    """The folders, beside what transformers computed in f32 (tests/golden/perplexity.json)."""
    for entry in json.loads((GOLDEN / "perplexity.json").read_text())["models"]:
        theirs = float(np.exp(np.mean(entry["nll_per_chunk"][:CHUNKS])))
        ours = run_json("eval", model(entry["model"]), "--text", text(), "--context", entry["context"], "--chunks", CHUNKS)
        checks.that(abs(ours["perplexity"] / theirs - 1) < TRANSFORMERS, f"{entry['model']}: perplexity {ours['perplexity']:.5f}, transformers {theirs:.5f}")
        size = sum(f.stat().st_size for f in model(entry["model"]).glob("*.safetensors"))
        taken = ours["resources"]
        checks.that(taken["bytes"] == size and taken["tokens_per_second"] > 0 and taken["peak_memory_bytes"] > 1 << 20,
                    f"{taken['bytes']} bytes, {taken['tokens_per_second']:.0f} tokens/s, peak memory {taken['peak_memory_bytes'] >> 20} MiB")


def divergence(checks, out):
    folder = model(SMOL)
    self = run_json("eval", folder, "--reference", folder, "--text", text(), "--chunks", 2)
    checks.that(self["kld"]["max"] == 0 and self["same_top"] == 1, f"a model against itself: {self['kld']['max']}")
    run("quantize", folder, "--recipe", "q8_0", "--to", out / "q8_0.gguf")
    both = run_json("compare", folder, out / "q8_0.gguf", "--text", text(), "--chunks", 2)
    checks.that(0 < both["kld"]["median"] <= both["kld"]["mean"] < 0.01 and both["same_top"] > 0.95,
                f"q8_0: KL divergence {both['kld']['mean']:.5f}, same most probable token {both['same_top']:.3f}")


def kept_reference(checks, cpp, out):
    """The file is read here by its description, and beside llama.cpp's log-probabilities of the same f16 file."""
    file, kept, context = out / f"{SMOL}.f16.gguf", out / "base.logits", 128
    common = ("--text", text(), "--context", context)
    base = run_json("eval", file, *common, "--chunks", 3, "--keep-reference", kept)
    raw = kept.read_bytes()
    n_ctx, n_vocab, n_chunk = np.frombuffer(raw, np.int32, 3, 8)
    checks.that(raw[:8] == b"_logits_" and (n_ctx, n_chunk) == (context, 3), "a kept reference has the head of llama-perplexity's file")
    checks.that(raw[-16:] == b"_pq_act_f32" + bytes(5), "and says at its end what the activations were")
    scored, width = context - 1 - context // 2, 2 * ((int(n_vocab) + 1) // 2) + 4
    rows = np.frombuffer(raw[:-16], np.uint16, offset=20 + 4 * context * 3).reshape(3, scored, width)
    judge = cpp.Model(file, context=context)
    worst = 0
    for chunk, (theirs, _) in zip(rows, cpp.chunks(judge, text(), context, 3)):
        scale, least = np.ascontiguousarray(chunk[:, :4]).view(np.float32).T
        ours = scale[:, None] * chunk[:, 4:4 + n_vocab] + least[:, None]
        likely = theirs > -8
        worst = max(worst, np.abs(ours - theirs)[likely].mean())
    judge.close()
    checks.that(worst < 0.02, f"its log-probabilities are llama.cpp's: mean difference {worst:.5f} nats")
    again = run_json("eval", file, *common, "--chunks", 2, "--reference", kept)
    checks.that(abs(again["kld"]["mean"]) < 1e-4 and again["same_top"] == 1, f"a model against its kept self: {again['kld']['mean']:.7f}")
    checks.that(abs(base["perplexity"] / run_json("eval", file, *common, "--chunks", 3, "--reference", kept)["reference_perplexity"] - 1) < 1e-4,
                "the kept reference has the perplexity of the model")
    for arguments in (("--context", 64, "--text", text()), (*common, "--chunks", 4), ("--text", out / "other.txt", "--context", context, "--chunks", 3)):
        (out / "other.txt").write_text("Another text altogether. " * 200)
        result = run("eval", file, *arguments, "--reference", kept, code=2)
        checks.that(b"base.logits" in result.stderr, f"refused: {result.stderr.decode().strip()[-130:]}")


QUESTIONS = [("Cooking soup", "A woman cuts carrots on a board in the kitchen.", "she", 2,
              ["paints the wall green.", "throws them out of the window.", "puts the carrots into a pot of boiling water.", "sings to the dog."]),
             ("Washing a car", "[header] How to wash a car [title] Rinse it [step] Use a hose to remove the dirt.", "", 0,
              ["Then wash it with a sponge and soap. [substeps] Begin at the roof.", "Then sell the wheels.", "Then drive into a lake.", "Then sleep."]),
             ("Playing tennis", "Two players stand on a court with rackets.", "one of them", 3,
              ["eats the net.", "reads a newspaper to the crowd.", "digs a hole.", "serves the ball, and the other hits it back."]),
             ("Fishing", "A man sits in a boat on a quiet lake.", "he", 1,
              ["climbs a mountain.", "throws a line into the water and waits.", "cooks the boat.", "counts to nine thousand."])]


def scores_of(cpp, judge, choices):
    """By llama.cpp: sums over the continuation, and per token over what the choices do not share."""
    import os
    whole = [judge.tokens(query + ending) for query, ending in choices]
    shared = len(os.path.commonprefix(whole))
    sums, means = [], []
    for ids, (query, _) in zip(whole, choices):
        logp = cpp.log_softmax(judge.logits(ids, 0))
        each = [logp[k - 1, ids[k]] for k in range(1, len(ids))]
        begin = len(judge.tokens(query))
        sums.append(sum(each[begin - 1:]))
        means.append(sum(each[shared - 1:]) / (len(ids) - shared))
    return sums, means


def questions(checks, cpp, out):
    file, tasks = out / f"{SMOL}.f16.gguf", out / "hellaswag.jsonl"
    lines = [{"ind": k, "activity_label": a, "ctx_a": c, "ctx_b": b, "label": label, "endings": e} for k, (a, c, b, label, e) in enumerate(QUESTIONS)]
    tasks.write_text("".join(json.dumps(line) + "\n" for line in lines))
    judge = cpp.Model(file, context=256)
    right = {"acc": 0, "acc_norm": 0, "acc_norm_tok": 0}
    for activity, ctx_a, ctx_b, label, endings in QUESTIONS:
        query = f"{activity}: {ctx_a} {ctx_b.capitalize()}".strip()
        query = query.replace(" [title]", ". ").replace("[header]", "").replace("[step]", "").replace("  ", " ")
        clean = [e.replace("[substeps]", "").replace("  ", " ") for e in endings]
        sums, means = scores_of(cpp, judge, [(query, " " + e) for e in clean])
        right["acc"] += int(np.argmax(sums)) == label
        right["acc_norm"] += int(np.argmax([s / len(e) for s, e in zip(sums, clean)])) == label
        right["acc_norm_tok"] += int(np.argmax(means)) == label
    judge.close()
    ours = run_json("eval", file, "--tasks", f"hellaswag:{tasks}")["tasks"]["hellaswag"]
    for name, count in right.items():
        checks.that(ours[name] == count / len(QUESTIONS), f"HellaSwag's lines, {name}: {ours[name]:.2f}, llama.cpp {count / len(QUESTIONS):.2f}")
    checks.that(ours["n"] == len(QUESTIONS), f"{ours['n']} questions")
    tasks.write_text(json.dumps(lines[0]) + "\n" + json.dumps({**lines[1], "label": 4}) + "\n")
    result = run("eval", file, "--tasks", f"hellaswag:{tasks}", code=3)
    checks.that(b"hellaswag.jsonl:2: 'label'" in result.stderr, f"a bad line: {result.stderr.decode().strip()[-110:]}")


def importance(checks, out):
    folder, texts = model(WIDE), text("calibration.jsonl")
    files = []
    for threads in (1, 2):
        files.append(out / f"{threads}.gguf")
        run("imatrix", folder, "--calibration", texts, "--samples", SAMPLES, "--length", LENGTH, "--to", files[-1], "--threads", threads)
    checks.that(files[0].read_bytes() == files[1].read_bytes(), "imatrix: same bytes for 1 and 2 threads")
    names = [{t["name"] for t in run_json("inspect", f)["tensors"]} for f in (files[0], GOLDEN / "imatrix" / "SmolLM2-135M-wide.imatrix.gguf")]
    checks.that(names[0] == names[1], f"imatrix: the {len(names[1])} tensors of llama-imatrix's file")
    run("quantize", folder, "--imatrix", files[0], "--recipe", "iq2_xs", "--to", out / "iq2_xs.gguf")
    checks.that(True, "imatrix: quantize takes the file")
    run("imatrix", folder, "--calibration", texts, "--samples", 1, "--length", 8, "--to", files[0], code=2)
    checks.that(files[0].read_bytes() == files[1].read_bytes(), "imatrix: an existing file is refused")
    for arguments, code, what in ((("--calibration", out / "none.txt"), 3, "missing text"), (("--calibration", folder / "config.json"), 3, "no text"),
                                  (("--calibration", texts, "--length", 1 << 20, "--samples", 1), 2, "too little text")):
        result = run("imatrix", folder, "--to", out / "x.gguf", *arguments, code=code)
        checks.that(not (out / "x.gguf").exists(), f"imatrix, {what}: {result.stderr.decode().strip()[-120:]}")


def main():
    checks, cpp, out = Checks(), llama(), scratch()
    perplexities(checks, cpp, out)
    transformers(checks)
    kept_reference(checks, cpp, out)
    questions(checks, cpp, out)
    divergence(checks, out)
    importance(checks, out)
    checks.finish()


if __name__ == "__main__":
    main()
