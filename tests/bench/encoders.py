#!/usr/bin/env python3
"""Speed and error of the encoders and decoders beside ggml's, in the same run on the same rows of a real model.

    encoders.py MODEL_FOLDER [--types q4_0,q6_k] [--tensors NAME,gaussian] [--importances none,log-normal,equal] [--efforts normal]
                [--targets AVX3,AVX2] [--rounds 5] [--fastest] [--json FILE] [--markdown FILE]
    encoders.py --from-json FILE,FILE,... --markdown FILE

Ours is tests/bench/codec_bench (ninja codec_bench), ggml the shared library of the package xllamacpp, called from this process. Both run
on one thread and are timed in CPU time of that thread; the two alternate (A B A B ...), and the table shows medians. Importance: none,
log-normal (sigma 1), or one for every column (ggml's encoders do otherwise then than with none), the same for both. The tensor `gaussian` is
made up: 768 x 1536 weights. Error: sum w (x - y)^2 / sum w x^2, and its difference to ggml's. Bytes per second: rows read as f32 plus blocks
written (encode) or the other way round (decode), against the speed of copying memory that is larger than the caches, in the same run.
"""
import argparse
import collections
import ctypes
import datetime
import json
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np

from machine import processor

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "interop"))
import llama_cpp  # noqa: E402

TYPES = ("q4_0,q4_1,q5_0,q5_1,q8_0,q2_k,q3_k,q4_k,q5_k,q6_k,iq1_s,iq1_m,iq2_xxs,iq2_xs,iq2_s,iq3_xxs,iq3_s,iq4_nl,iq4_xs,"
         "tq1_0,tq2_0,q1_0,q2_0,mxfp4,nvfp4")
DEMAND_IMPORTANCE = ("iq1_s", "iq2_xxs", "iq2_xs")  # ggml aborts without; it gets equal importance there
IMPORTANCES = {
    "none": lambda random, cols: None,
    "log-normal": lambda random, cols: np.exp(random.standard_normal(cols)).astype(np.float32),
    "equal": lambda random, cols: np.ones(cols, np.float32),
}
TENSORS = "model.layers.12.mlp.down_proj.weight,model.layers.12.self_attn.q_proj.weight"


def tensor(folder, name):
    if name == "gaussian":
        return (0.02 * np.random.default_rng(2).standard_normal((768, 1536))).astype(np.float32)
    path = folder / "model.safetensors"
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        start = file.tell()
    info = header[name]
    raw = np.fromfile(path, "<u2", int(np.prod(info["shape"])), offset=start + info["data_offsets"][0])
    return (raw.astype(np.uint32) << 16).view(np.float32).reshape(info["shape"])


class Peer:
    """ggml's encoder and decoder of one type on some rows."""

    def __init__(self, kind, weights, importance):
        self.lib, self.kind, self.w = llama_cpp.library(), llama_cpp.GGML_TYPES[kind], np.ascontiguousarray(weights)
        self.given = self.importance = importance
        if importance is None and kind in DEMAND_IMPORTANCE:
            self.importance = np.ones(weights.shape[1], np.float32)
        self.blocks = np.zeros((len(weights), self.lib.ggml_row_size(self.kind, weights.shape[1])), np.uint8)
        self.back = np.zeros_like(self.w)
        to_float = self.lib.ggml_get_type_traits(self.kind)[5]
        self.decoder = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(to_float)
        self.encode()

    def encode(self):
        importance = None if self.importance is None else self.importance.ctypes.data
        start = time.thread_time()
        self.lib.ggml_quantize_chunk(self.kind, self.w.ctypes.data, self.blocks.ctypes.data, 0, *self.w.shape, importance)
        return self.w.size / (time.thread_time() - start)

    def decode(self):
        start = time.thread_time()
        self.decoder(self.blocks.ctypes.data, self.back.ctypes.data, self.w.size)
        return self.w.size / (time.thread_time() - start)

    def error(self):
        w = self.w.astype(np.float64)
        weight = 1.0 if self.given is None else self.given.astype(np.float64)
        return float(((w - self.back) ** 2 * weight).sum() / (w * w * weight).sum())


def codec_bench(program, *arguments):
    found = subprocess.run([str(program), *map(str, arguments)], check=True, capture_output=True, text=True).stdout
    return json.loads(found) if found else None


def measure(options, case, peer, rows):
    """Alternates ours and ggml's; medians over the rounds, or the fastest ones."""
    arguments = [rows, peer.w.shape[1], "--only", case["type"], "--effort", case["effort"], "--seconds", options.seconds]
    arguments += ["--target", case["target"]] if case["target"] else []
    if peer.given is not None:
        peer.given.tofile(rows.with_suffix(".importance"))
        arguments += ["--importance", rows.with_suffix(".importance")]
    ours, encode, decode = [], [], []
    for _ in range(options.rounds):
        ours.append(codec_bench(options.program, *arguments))
        encode.append(peer.encode())
        decode.append(statistics.median(peer.decode() for _ in range(5)))
    summary = max if options.fastest else statistics.median
    of_ours = lambda key: summary(run[key] for run in ours)
    return case | {
        "encode": of_ours("encode_weights_per_second"), "ggml_encode": summary(encode),
        "decode": of_ours("decode_weights_per_second"), "ggml_decode": summary(decode),
        "error": ours[0]["relative_error"], "ggml_error": peer.error(), "stored_bytes_per_weight": peer.blocks.size / peer.w.size}


def run(options):
    results = []
    random = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.tensors.split(","):
            w = tensor(options.model, name)
            importances = {name: IMPORTANCES[name](random, w.shape[1]) for name in options.importances.split(",")}
            rows = pathlib.Path(temporary) / "rows.f32"
            w.tofile(rows)
            for kind in options.types.split(","):
                for importance, values in importances.items():
                    peer = Peer(kind, w, values)
                    for target in options.targets.split(","):
                        for effort in options.efforts.split(","):
                            case = {"type": kind, "tensor": name, "shape": list(w.shape), "importance": importance, "target": target, "effort": effort}
                            results.append(measure(options, case, peer, rows))
                            print(line(results[-1], 0), file=sys.stderr, flush=True)
        copy = codec_bench(options.program, rows, w.shape[1], "--only", "memory")["copy_bytes_per_second"]
    wheel = subprocess.run([sys.executable, "-m", "pip", "show", "xllamacpp"], capture_output=True, text=True).stdout
    version = next((text.split(": ")[1] for text in wheel.splitlines() if text.startswith("Version")), "?")
    return {"command": f"encoders.py {options.model.name} --types {options.types} --tensors {options.tensors} --importances {options.importances} --efforts {options.efforts} "
                       f"--targets {options.targets or chr(39) * 2} --rounds {options.rounds}{' --fastest' if options.fastest else ''}", "date": str(datetime.date.today()),
            "processor": processor(), "ggml": f"xllamacpp {version} (wheel)", "copy_bytes_per_second": copy, "results": results}


def joined(files):
    """Several runs as one."""
    runs = [json.loads(pathlib.Path(file).read_text()) for file in files]
    return runs[0] | {"command": "`, `".join(run["command"] for run in runs), "results": [r for run in runs for r in run["results"]]}


HEADER = ("| type | importance | encode, ggml | ratio | of copy speed | decode, ggml | ratio | of copy speed | error, ggml | difference |\n"
          "|---|---|---|---|---|---|---|---|---|---|")


def line(r, copy):
    def share(speed):
        return f"{100 * speed * (4 + r['stored_bytes_per_weight']) / copy:.0f} %" if copy else "-"

    def pair(ours, theirs):
        return f"{ours / 1e6:.0f}, {theirs / 1e6:.0f} | {ours / theirs:.1f}x | {share(ours)}"

    return (f"| {r['type']} | {r['importance']} | {pair(r['encode'], r['ggml_encode'])} | {pair(r['decode'], r['ggml_decode'])} "
            f"| {r['error']:.4g}, {r['ggml_error']:.4g} | {100 * (r['error'] / r['ggml_error'] - 1):+.1f} % |")


def steadiness(results):
    """How much speeds vary that cannot depend on what differs: decoding with another importance."""
    cases = collections.defaultdict(list)
    for r in results:
        cases[r["type"], r["tensor"], r["target"], r["effort"]].append(r)

    def widest(key):
        return max((max(r[key] for r in rows) / min(r[key] for r in rows), kind) for (kind, *_), rows in cases.items())

    (ours, kind), (ggml, peers_kind) = widest("decode"), widest("ggml_decode")
    return (f"How steady the machine was: a decoder does the same whatever the importance was, yet its rows differ by up to {ours:.1f} times ({kind}; ggml's by up to\n{ggml:.1f}, "
            f"{peers_kind}). Much above 1 means that other programs ran beside it, and single figures of speed are worth no more than that; errors do not depend on it.\n\n"
            "What was aimed at and is not reached: [one and two bits](codebook-search.md#one-and-two-bits-4-bit-floats-tq1_0-tq2_0-q1_0-q2_0-mxfp4-nvfp4).\n\n")


def markdown(data):
    text = [f"<!-- Generated by tests/bench/encoders.py; do not edit. -->\n\n# Speed and error of the encoders\n\n"
            f"`{data['command']}`, {data['date']}, {data['processor']}, one thread; ggml: {data['ggml']}. Copying memory: "
            f"{data['copy_bytes_per_second'] / 1e9:.1f} GB/s. Speeds are million weights per second of CPU time; the rows fit into the\nlast-level "
            f"cache, so a share may exceed 100 %. The method is described at the head of the script. Where ggml demands importance ({', '.join(DEMAND_IMPORTANCE)}), `none` means equal importance.\n\n"
            + steadiness(data["results"]) +
            "The limit of a decoder is the memory; half of the copy speed is asked for. An encoder is bound by the vector units: with n operations on\n"
            "a weight for all scales tried (docs/explain/scale-search.md lists them), u units, l lanes and f GHz it ends at u l f / n G weights/s.\n"]
    sections = dict.fromkeys((r["tensor"], tuple(r["shape"]), r["target"], r["effort"]) for r in data["results"])
    for key in sections:
        name, shape, target, effort = key
        text.append(f"## {target or 'all instruction sets'}, effort {effort}: {name}, {shape[0]} x {shape[1]}\n\n{HEADER}")
        text += [line(r, data["copy_bytes_per_second"]) for r in data["results"]
                 if (r["tensor"], tuple(r["shape"]), r["target"], r["effort"]) == key]
        text.append("")
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, nargs="?")
    parser.add_argument("--types", default=TYPES)
    parser.add_argument("--tensors", default=TENSORS)
    parser.add_argument("--importances", default=",".join(IMPORTANCES))
    parser.add_argument("--efforts", default="normal")
    parser.add_argument("--targets", default="", help="Highway's names, as AVX3 (AVX-512), AVX2, SSE4; empty: the machine's best")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fastest", action="store_true", help="the fastest round of each side instead of the median: other work only slows down")
    parser.add_argument("--seconds", type=float, default=0.05, help="CPU time of each of our measurements")
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "release" / "bin" / "codec_bench")
    parser.add_argument("--from-json", help="results of earlier runs on the same machine, in one table")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    parser.add_argument("--require", type=float, default=0, help="exit 1 if an encoder's ratio is below this, or its error above ggml's")
    options = parser.parse_args()
    data = joined(options.from_json.split(",")) if options.from_json else run(options)
    if options.json:
        options.json.write_text(json.dumps(data, indent=1))
    if options.markdown:
        options.markdown.write_text(markdown(data))
    if not options.markdown and not options.json:
        print(markdown(data))
    bad = [r for r in data["results"] if options.require and (r["encode"] < options.require * r["ggml_encode"] or r["error"] > r["ggml_error"])]
    for r in bad:
        print("below the requirement: " + line(r, 0), file=sys.stderr)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
