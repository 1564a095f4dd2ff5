#!/usr/bin/env python3
"""HellaSwag's own format beside the plain definition of lm-evaluation-harness, computed by transformers in f32: acc and acc_norm of the same questions
are equal. The questions are made here, with all fields and marks of hellaswag_val.jsonl."""
import json
import random
import re

from common import SMOL, Checks, model, run_json, scratch
from test_transformers import with_transformers

COUNT = 32
WHO = ["A man", "A woman", "Two children", "The young girl", "An old farmer", "The team"]
WHERE = ["in the kitchen", "on a wide field", "near the river", "in a small workshop", "behind the café", "at the gym"]
DOING = [("Peeling potatoes", "holds a knife over a bowl", ["cuts the skin off in long strips.", "puts the peeled potatoes into the pot."]),
         ("Mowing the lawn", "starts the mower", ["pushes it up and down over the grass.", "empties the bag of cut grass."]),
         ("Playing the violin", "lifts the bow", ["plays a slow melody with closed eyes.", "tunes the strings, then plays again."]),
         ("Washing hands", "turns on the tap", ["rubs the soap between the fingers.", "dries both hands on a towel."]),
         ("Painting a fence", "opens a can of white paint", ["dips the brush and paints the first board.", "wipes the brush on the edge of the can."]),
         ("Long jump", "runs towards the sand", ["jumps and lands with both feet.", "measures how far the jump was."])]


def questions():
    chance, lines = random.Random(1), []
    for number in range(COUNT):
        activity, begin, right = DOING[number % len(DOING)]
        others = [ending for other in DOING if other[0] != activity for ending in other[2]]
        endings, label = chance.sample(others, 3), chance.randrange(4)
        endings.insert(label, chance.choice(right))
        wiki = number % 3 == 2
        if wiki:
            endings = [f"{e.capitalize()} [substeps] Then {chance.choice(others)} [title] Look at  it once more. [step] It is done." for e in endings]
        ctx_a = f"{chance.choice(WHO)} {begin} {chance.choice(WHERE)}." if not wiki else \
            f"[header] How to begin with {activity.lower()} [title] Be careful. [step] {chance.choice(WHO)} {begin} {chance.choice(WHERE)}."
        ctx_b = "" if wiki else chance.choice(["the person", "then she", "He"])
        lines.append({"ind": number, "activity_label": activity, "ctx_a": ctx_a, "ctx_b": ctx_b, "ctx": f"{ctx_a} {ctx_b}".strip(), "split": "val",
                      "split_type": "indomain", "label": label, "endings": endings, "source_id": f"wikihow~{number}" if wiki else f"activitynet~v_{number}"})
    return lines


def prepared(text):
    text = text.strip().replace(" [title]", ". ")
    return re.sub("\\[.*?\\]", "", text).replace("  ", " ")


def reference(folder, lines):
    """acc and acc_norm, as lm-evaluation-harness defines them, one sequence at a time."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    acc = acc_norm = 0
    for line in lines:
        query = prepared(line["activity_label"] + ": " + line["ctx_a"] + " " + line["ctx_b"].capitalize())
        sums, means = [], []
        for ending in map(prepared, line["endings"]):
            context, continuation = query, " " + ending
            blanks = len(context) - len(context.rstrip())
            if blanks:
                context, continuation = context[:-blanks], context[-blanks:] + continuation
            begin = len(tokenizer.encode(context, add_special_tokens=False))
            ids = torch.tensor([tokenizer.encode(context + continuation, add_special_tokens=False)])
            with torch.no_grad():
                logp = network(input_ids=ids[:, :-1]).logits[0].log_softmax(-1)
            picked = logp.gather(1, ids[0, 1:, None])[begin - 1:, 0]
            sums.append(float(picked.double().sum()))
            means.append(sums[-1] / len(ending))
        acc += sums.index(max(sums)) == line["label"]
        acc_norm += means.index(max(means)) == line["label"]
    return acc / len(lines), acc_norm / len(lines)


def main():
    with_transformers()
    checks, out, lines = Checks(), scratch(), questions()
    (out / "hellaswag_val.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    acc, acc_norm = reference(model(SMOL), lines)
    ours = run_json("eval", model(SMOL), "--tasks", f"hellaswag:{out / 'hellaswag_val.jsonl'}")["tasks"]["hellaswag"]
    checks.that(ours["n"] == COUNT, f"{COUNT} questions")
    checks.that(ours["acc"] == acc, f"acc {ours['acc']:.4f}, transformers {acc:.4f}")
    checks.that(ours["acc_norm"] == acc_norm, f"acc_norm {ours['acc_norm']:.4f}, transformers {acc_norm:.4f}")
    checks.that(acc != acc_norm, "the two differ here, so that one cannot stand for the other")
    checks.finish()


if __name__ == "__main__":
    main()
