#!/usr/bin/env python3
"""polyquant imatrix beside llama-imatrix, and that beside itself with other sizes of its passes: the same tokens, chunks of 512.

    imatrix_peers.py MODEL_FOLDER --text wiki.eval.txt --json FILE [--types f32,f16,bf16] [--settings default,exact] [--chunks 1]
                     [--micro-batches 32,1] [--kld q3_k_m,...] [--kld-text FILE] [--kld-chunks 4] [--threads 2] [--work DIR]
    imatrix_peers.py --from-json FILE[,FILE...] --markdown docs/explain/imatrix-figures.md      a section for each

llama.cpp is the package xllamacpp, called as llama-imatrix calls it (tests/interop/llama_imatrix.py). `default`: its own settings, keys and values
in f16, fused attention, 512 tokens per pass. `exact`: keys and values in f32, attention not fused. Compared is the mean square of each column,
relative to llama.cpp's. --kld: the model is also quantized with both matrices, and `polyquant eval` finds how far the files are from it, on the
first chunks of --kld-text (without it of --text, which the matrices then know). What --json holds is not measured again, so that calls with other options add to it; a file of another model
or text is refused, as is a folder --work of another model.
"""
import argparse
import datetime
import importlib.metadata
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import imatrix_kld
import kept
from machine import processor

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "interop"))
import llama_cpp  # noqa: E402
import llama_imatrix  # noqa: E402

CONTEXT = 512
BOUND = 0.01  # columns above it are counted
KINDS = {"attn_q": "attn_q, k, v", "attn_output": "attn_output", "ffn_gate": "ffn_gate, up", "ffn_down": "ffn_down"}  # those beside them have the same inputs


def call(options, *arguments):
    done = subprocess.run([str(options.polyquant), *map(str, arguments)], capture_output=True)
    if done.returncode != 0:
        sys.exit(f"polyquant {arguments[0]}: exit code {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return done.stdout


def file_of(options, work, kind):
    path = work / f"{options.model.name}.{kind}.gguf"
    if not path.exists():
        call(options, "quantize", options.model, "--recipe", kind, "--to", path, "--threads", options.threads)
    return path


def known(options):
    """What --json holds, for the same model and text."""
    same = {"model": kept.content(options.model), "text": kept.content(options.text)}
    if not options.json.exists():
        return {"model": options.model.name, "text": options.text.name, "contents": same, "results": []}
    data = json.loads(options.json.read_text())
    kept.check(options.json, data.get("contents", {}), same)
    return data


def tokens_of(options, path, chunks):
    """The chunks of the text, each with BOS in front if the model wants it, as llama-imatrix cuts them."""
    model = llama_cpp.Model(path, CONTEXT, options.threads)
    ids = model.tokens(options.text.read_text(encoding="utf-8"))[:chunks * CONTEXT]
    if model.adds_bos:
        ids[::CONTEXT] = [model.bos] * len(ids[::CONTEXT])
    model.close()
    if len(ids) < chunks * CONTEXT:
        sys.exit(f"{options.text} has {len(ids)} tokens, less than {chunks} chunks of {CONTEXT}; take a longer text or smaller --chunks")
    return ids


def ours(options, work, path, ids, mode, names):
    lines, matrix = work / "tokens.jsonl", work / "ours.gguf"
    lines.write_text("".join(json.dumps({"tokens": ids[k:k + CONTEXT]}) + "\n" for k in range(0, len(ids), CONTEXT)))
    call(options, "imatrix", path, "--calibration", lines, "--first", "--samples", len(ids) // CONTEXT, "--length", CONTEXT, "--activations", mode,
         "--threads", options.threads, "--to", matrix, "--force")
    return {name: np.frombuffer(call(options, "cat", matrix, f"{name}.in_sum2"), np.float32).astype(np.float64) / len(ids) for name in names if name.split(".")[2] in KINDS}


def compare_klds(options, work, kind, setting, chunks, results):
    """Adds rows {file, settings, chunks, recipe, text, judged, ours, theirs} that are not there."""
    for recipe in options.kld:
        row = {"file": kind, "settings": setting, "chunks": chunks, "recipe": recipe, "text": options.kld_text.name, "judged": options.kld_chunks}
        if any(row.items() <= r.items() for r in results):
            continue
        path = file_of(options, work, kind)
        ids = tokens_of(options, path, chunks)
        means = llama_imatrix.measure(path, ids, CONTEXT, options.threads, setting == "exact", CONTEXT)
        ours(options, work, path, ids, "f32", [])
        both = work / "ours.gguf", imatrix_kld.write_dat(work / "theirs.dat", means)
        results.append(row | imatrix_kld.klds(call, options, work, recipe, both))
        print(imatrix_kld.sentence(results[-1]), file=sys.stderr, flush=True)
        yield


def by_kind(found, expected):
    """{kind of tensor: [largest relative difference, columns above BOUND, columns]}; of tensors with the same inputs the first one."""
    result = {}
    for kind, title in KINDS.items():
        off = np.concatenate([np.abs(found[name] - values) / np.maximum(values, np.finfo(float).tiny)
                              for name, values in expected.items() if name.split(".")[2] == kind])
        result[title] = [float(off.max()), int((off > BOUND).sum()), len(off)]
    return result


def compare(options, work, kind, setting, chunks, results):
    """Adds rows {file, settings, chunks, who, kinds} that are not there."""
    rows = {(r["file"], r["settings"], r["chunks"], r["who"]) for r in results}
    modes = ["f32"] if kind == "f32" else ["f32", "engine"]
    wanted = [("ours", m) for m in modes] + [("itself", n) for n in options.micro_batches]
    wanted = [w for w in wanted if (kind, setting, chunks, w[1]) not in rows]
    if not wanted:
        return
    path = file_of(options, work, kind)
    ids = tokens_of(options, path, chunks)

    def theirs(micro_batch):
        return llama_imatrix.measure(path, ids, CONTEXT, options.threads, setting == "exact", micro_batch)

    expected = theirs(CONTEXT)
    for what, which in wanted:
        found = ours(options, work, path, ids, which, expected) if what == "ours" else theirs(which)
        results.append({"file": kind, "settings": setting, "chunks": chunks, "who": which, "kinds": by_kind(found, expected)})
        print(line(results[-1]), file=sys.stderr, flush=True)
        yield


def run(options):
    version = subprocess.run([str(options.polyquant), "--version"], capture_output=True, text=True).stdout.strip()
    data = known(options)
    data |= {"date": str(datetime.date.today()), "processor": processor(), "threads": options.threads,
             "polyquant": version, "judge": f"xllamacpp {importlib.metadata.version('xllamacpp')}"}
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(options.work or temporary)
        work.mkdir(exist_ok=True, parents=True)
        kept.same(work / f"{options.model.name}.options.json", {"model": kept.content(options.model)})
        for kind in options.types:
            for setting in options.settings:
                for chunks in options.chunks:
                    for _ in compare(options, work, kind, setting, chunks, data["results"]):
                        options.json.write_text(json.dumps(data, indent=1) + "\n")
                    for _ in compare_klds(options, work, kind, setting, chunks, data.setdefault("klds", [])):
                        options.json.write_text(json.dumps(data, indent=1) + "\n")
    return data


def figure(found):
    worst, above, _ = found
    return (f"{100 * worst:.2g} %" if worst >= 1e-4 else f"{worst:.0e}".replace("e-0", "e-")) + (f" ({above})" if above else "")


def line(row):
    who = f"`--activations {row['who']}`" if isinstance(row["who"], str) else f"llama.cpp, `-ub {row['who']}`"
    return f"| {row['file']}, {row['settings']} | {row['chunks']} | {who} | " + " | ".join(figure(found) for found in row["kinds"].values()) + " |"


def place(row):
    """Of a row among the others: ours before llama.cpp's, those from larger passes down."""
    who = row["who"]
    return (["f32", "f16", "bf16"].index(row["file"]), row["settings"] != "default", row["chunks"], isinstance(who, int),
            -who if isinstance(who, int) else ["f32", "engine"].index(who))


def markdown(parts):
    text = ["<!-- Generated by tests/bench/imatrix_peers.py; do not edit. -->\n\n# Importance beside llama-imatrix's\n\nThe largest relative difference "
            "of a column's mean square from what llama-imatrix measures with 512 tokens per pass, on the same file, tokens and\nchunks of 512; in brackets "
            "the columns that differ by more than 1 %. `default`: its own settings (keys and values in f16, fused attention); `exact`:\nkeys and values in "
            "f32, attention not fused. Rows of llama.cpp are its own with a smaller pass (`-ub`), from itself. What the figures mean is in\n"
            "[Quantize with an importance matrix](../how-to/use-an-importance-matrix.md#beside-llama-imatrix).\n"]
    for part in parts:
        rows = sorted(part["results"], key=place)
        columns = ", ".join(f"{found[2]} of {kind}" for kind, found in rows[0]["kinds"].items())
        threads = f", {part['threads']} threads each" if "threads" in part else ""
        text.append(f"## {part['model']}\n\n{part['text']}, {part['date']}, {part['processor']}{threads}, {part['polyquant']}, {part['judge']}. Columns: {columns}.\n\n"
                    f"| file, settings | chunks | who | {' | '.join(KINDS.values())} |\n|---|---|---|{'---|' * len(KINDS)}")
        text += [line(row) for row in rows] + [""] + [imatrix_kld.sentence(row) for row in part.get("klds", [])]
    return "\n".join(text)


def main():
    def words(value):
        return value.split(",")

    def numbers(value):
        return [int(n) for n in value.split(",") if n]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, nargs="?")
    parser.add_argument("--text", type=pathlib.Path)
    parser.add_argument("--types", type=words, default=["f32", "f16", "bf16"])
    parser.add_argument("--settings", type=words, default=["default"])
    parser.add_argument("--chunks", type=numbers, default=[1])
    parser.add_argument("--micro-batches", type=numbers, default=[32, 1], help="of llama.cpp beside itself; each takes as long as llama-imatrix -ub")
    parser.add_argument("--kld", type=words, default=[], help="recipes of files whose KLD is compared")
    parser.add_argument("--kld-text", type=pathlib.Path, help="what they are judged with; default --text")
    parser.add_argument("--kld-chunks", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", help="keeps the files made of the model")
    parser.add_argument("--polyquant", type=pathlib.Path, default=ROOT / "build" / "release" / "bin" / "polyquant")
    parser.add_argument("--from-json", help="files of --json, with commas")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    options = parser.parse_args()
    if not options.from_json and not (options.model and options.text and options.json):
        parser.error("give a model's folder, --text and --json, or --from-json and --markdown")
    options.kld_text = options.kld_text or options.text
    parts = [json.loads(pathlib.Path(name).read_text()) for name in options.from_json.split(",")] if options.from_json else [run(options)]
    if options.markdown:
        options.markdown.write_text(markdown(parts))


if __name__ == "__main__":
    main()
