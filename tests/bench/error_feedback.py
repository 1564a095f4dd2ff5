#!/usr/bin/env python3
"""What error feedback does to a whole model: KLD of every block matrix in one type, plain (rtn) and by gptq.

    error_feedback.py POLYQUANT MODEL_FOLDER --calibration FILE --text FILE [--types q4_k q4_0 ...] [--quantizers rtn gptq gptq:refine=0 ...]
                      [--samples 128] [--length 512] [--chunks 16] [--seed N] --work DIR [--markdown FILE]

One pipeline makes all files, so they share the calibration; embeddings and norms stay as they are. Judge: `polyquant eval --reference` with the
model's own bf16 file, chunks of 512 tokens of which the second half is scored."""
import argparse
import json
import pathlib
import re
import subprocess
import sys

LINEAR = r"^blk\.[0-9]+\.(attn_[qkv]|attn_output|ffn_(up|gate|down))\.weight$"


def quantizer(spec):
    """{"type": "gptq", "refine": 0} of "gptq:refine=0"."""
    name, _, options = spec.partition(":")
    values = {key: int(value) if value.isdigit() else value
              for key, value in (option.split("=") for option in options.split(",") if option)}
    return {"type": name, **values}


def output(kind, spec, work):
    return {"format": "gguf", "encoding": "bf16", "rules": [{"match": LINEAR, "encoding": kind}],
            "quantizer": quantizer(spec), "to": str(work / f"{kind}-{re.sub('[^a-z0-9]', '-', spec)}.gguf")}


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout


def evaluate(args, file, reference, keep=False):
    flags = ["--keep-reference", reference, "--force"] if keep else ["--reference", reference]
    return json.loads(run(args.polyquant, "eval", file, "--text", args.text, "--chunks", args.chunks, "--json", *flags))


def table(results, types, specs):
    lines = ["| type | " + " | ".join(specs) + " |", "|---" * (len(specs) + 1) + "|"]
    for kind in types:
        plain = results[kind, specs[0]]["mean"]
        cells = [f"{r['mean']:.4f} ± {r['error']:.4f} / {r['median']:.4f}" +
                 (f" ({100 * (r['mean'] / plain - 1):+.0f} %)" if spec != specs[0] else "")
                 for spec in specs for r in [results[kind, spec]]]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("polyquant")
    parser.add_argument("model")
    parser.add_argument("--calibration", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--types", nargs="+", default=["q4_k", "q4_0", "q3_k", "q2_k", "iq4_xs"])
    parser.add_argument("--quantizers", nargs="+", default=["rtn", "gptq"], help="with options: gptq:refine=0,order=activation")
    parser.add_argument("--samples", type=int, default=128)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--chunks", type=int, default=16)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    args = parser.parse_args()
    work = args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    types, specs = args.types, args.quantizers
    outputs = {(kind, spec): output(kind, spec, work) for kind in types for spec in specs}
    base = {"format": "gguf", "encoding": "bf16", "to": str(work / "reference.gguf")}
    calibration = {"data": str(pathlib.Path(args.calibration).resolve()), "samples": args.samples, "length": args.length}
    if args.seed is not None:
        calibration["seed"] = args.seed
    pipeline = {"version": 1, "model": str(pathlib.Path(args.model).resolve()), "calibration": calibration,
                "outputs": [base, *outputs.values()]}
    (work / "pipeline.yaml").write_text(json.dumps(pipeline, indent=1))  # JSON is YAML
    run(args.polyquant, "run", work / "pipeline.yaml", "--force")
    reference = work / "reference.kld"
    evaluate(args, base["to"], reference, keep=True)
    results = {}
    for key, made in outputs.items():
        kld = evaluate(args, made["to"], reference)["kld"]
        results[key] = {"mean": kld["mean"], "error": kld["stderr"], "median": kld["median"]}
        print(*key, results[key], flush=True)
    text = table(results, types, specs)
    print(text)
    if args.markdown:
        args.markdown.write_text(text)


if __name__ == "__main__":
    main()
