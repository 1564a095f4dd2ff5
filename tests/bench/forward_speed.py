#!/usr/bin/env python3
"""Speed of running a model over texts, beside llama.cpp in the same run: perplexity and an importance matrix of a bf16 GGUF file.

    forward_speed.py MODEL_FOLDER --text wiki.eval.txt [--chunks 16] [--context 512] [--threads 2] [--rounds 3] [--require PERPLEXITY,IMATRIX]

Ours: `polyquant eval` and `polyquant imatrix --first`, from start to exit. Theirs: llama_decode() of the same chunks through the package xllamacpp,
loading and warming up not counted, with the logits that llama-perplexity (second half of a chunk) and llama-imatrix (all) want, and without
their own sums, scores, and reading: their tools take at least this long. The two run in turn; the fastest round of each counts. Prints Markdown.
"""
import argparse
import datetime
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "interop"))
import end_to_end  # noqa: E402
import llama_cpp  # noqa: E402
from machine import processor  # noqa: E402


def chunks_of(model, text, context, count):
    ids = model.tokens(text.read_text(encoding="utf-8"))
    parts = [ids[k * context:(k + 1) * context] for k in range(min(count, len(ids) // context))]
    return [[model.bos] + part[1:] if model.adds_bos else part for part in parts]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--chunks", type=int, default=16)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--polyquant", type=pathlib.Path, default=ROOT / "build" / "release" / "bin" / "polyquant")
    parser.add_argument("--require", type=lambda text: list(map(float, text.split(","))))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder)
        file = end_to_end.write_bf16(args.polyquant, args.model, out / "bf16.gguf")
        peer = llama_cpp.Model(file, args.context, args.threads)
        chunks = chunks_of(peer, args.text, args.context, args.chunks)
        tokens = len(chunks) * args.context
        texts = out / "text.txt"
        texts.write_bytes(args.text.read_bytes())
        common = ["--threads", args.threads]
        commands = {
            "perplexity": ([args.polyquant, "eval", file, "--text", texts, "--context", args.context, "--chunks", len(chunks), *common], args.context // 2),
            "importance matrix": ([args.polyquant, "imatrix", file, "--calibration", texts, "--first", "--samples", len(chunks), "--length", args.context,
                                   "--to", out / "imatrix.gguf", "--force", *common], 0)}
        peer.decode(chunks[0])
        ours, theirs = {}, {}
        for _ in range(args.rounds):
            for name, (command, first) in commands.items():
                ours.setdefault(name, []).append(end_to_end.used_by(command).wall)
                theirs.setdefault(name, []).append(sum(peer.decode(chunk, first) for chunk in chunks))
    print(f"{datetime.date.today()}, {processor()}, {args.threads} threads, {args.model.name} in bf16, {len(chunks)} chunks of {args.context}, "
          f"xllamacpp {llama_cpp.VERSION}\n\n| | polyquant, tokens/s | llama.cpp, tokens/s | ratio |\n|---|---|---|---|")
    ratios = []
    for name in commands:
        ratios.append(min(theirs[name]) / min(ours[name]))
        print(f"| {name} | {tokens / min(ours[name]):.0f} | {tokens / min(theirs[name]):.0f} | {ratios[-1]:.2f} |")
    if args.require and any(ratio < wanted for ratio, wanted in zip(ratios, args.require)):
        sys.exit("slower than required: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in zip(commands, ratios)))


if __name__ == "__main__":
    main()
