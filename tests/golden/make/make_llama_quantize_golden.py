#!/usr/bin/env python3
"""Runs llama.cpp's llama-quantize on the converter's BF16 files and describes what comes out: types, metadata, perplexity, time.

    make_llama_quantize_golden.py --llama-quantize PATH --gguf DIR --peers DIR --llama-python PYTHON --text FILE --out FILE
                                  [--imatrix FILE.gguf] [--types q4_0,...] [--threads 2]

--gguf      folder with <model>-BF16.converter.gguf (make_convert_golden.py); receives <model>-<TYPE>.llama-quantize.gguf
--peers     folder with llama_cpp.py; --llama-python is a Python with numpy, gguf and xllamacpp
--text      wiki.eval.txt; perplexity by the protocol of llama-perplexity, 20 chunks of 512
--imatrix   importance matrix of SmolLM2-135M-wide: one more run, for the metadata keys it adds

The binary: source package of llama-cpp-python 0.3.36, unpacked to SRC (it holds llama.cpp under vendor/):
    pip download --no-binary llama-cpp-python --no-deps llama-cpp-python==0.3.36
    cmake -S SRC/vendor/llama.cpp -B BUILD -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DLLAMA_CURL=OFF \\
          -DLLAMA_OPENSSL=OFF -DGGML_OPENMP=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF \\
          -DLLAMA_BUILD_APP=OFF -DLLAMA_USE_PREBUILT_UI=OFF
    cmake --build BUILD --target llama-quantize -j2
"""
import argparse
import datetime
import hashlib
import json
import pathlib
import resource
import subprocess
import time

# model, whether perplexity is measured and hashes of the encoded tensors are kept
RUNS = (("SmolLM2-135M-Instruct", True), ("SmolLM2-135M-wide", False), ("gemma-3-270m", False))
CHUNKS = 20

DESCRIBE = r'''
import hashlib, json, sys, gguf
r = gguf.GGUFReader(sys.argv[1])
def value(f):
    if f.types[0].name == "ARRAY":
        return {"array": hashlib.sha256(b"".join(f.parts[k].tobytes() for k in f.data)).hexdigest(), "length": len(f.data)}
    return {"type": f.types[0].name, "value": f.contents()}
print(json.dumps({"metadata": {k: value(f) for k, f in r.fields.items() if not k.startswith("GGUF.")},
                  "tensors": [[t.name, t.tensor_type.name, hashlib.sha256(t.data.tobytes()).hexdigest()] for t in r.tensors]}))
'''
PERPLEXITY = r'''
import json, sys
sys.path.insert(0, sys.argv[1])
import llama_cpp
print(json.dumps(llama_cpp.perplexity(llama_cpp.Model(sys.argv[2], 512, 2), sys.argv[3], 512, int(sys.argv[4]))))
'''


def python(args, code, *arguments):
    done = subprocess.run([args.llama_python, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def quantize(args, source, target, kind, *options):
    """Returns wall and user seconds and how many tensors it says it gave a fallback type."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    command = [str(args.llama_quantize.resolve()), *options, source.name, str(target.resolve()), kind, str(args.threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=source.parent)  # names, not paths, get into the keys
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    fallbacks = [l for l in (done.stdout + done.stderr).splitlines() if "falling back" in l]
    build = next((l.split(": ", 1)[1] for l in (done.stdout + done.stderr).splitlines() if l.startswith("version: ")), None)
    return {"build": build, "wall_s": round(time.time() - start, 2), "user_s": round(after.ru_utime - before.ru_utime, 2), "threads": args.threads,
            "fallback_messages": len(fallbacks)}


def compare(old, new):
    """What the quantizer did to the metadata: keys added, removed, changed, and whether the order of the old keys stayed."""
    kept = [k for k in new if k in old]
    return {"added": {k: v for k, v in new.items() if k not in old}, "removed": [k for k in old if k not in new],
            "changed": {k: {"from": old[k], "to": new[k]} for k in kept if old[k] != new[k]},
            "same_order": kept == [k for k in old if k in new], "moved_to_end": [k for k in list(new)[-6:] if k in old and k not in list(old)[-6:]]}


def describe(result, source, new, hashes):
    types = {}
    for name, kind, _ in new["tensors"]:
        types[name] = kind
    counts = {k: list(types.values()).count(k) for k in dict.fromkeys(types.values())}
    result |= {"type_counts": counts, "metadata": compare(source["metadata"], new["metadata"]),
               "same_tensor_order": [t[0] for t in source["tensors"]] == [t[0] for t in new["tensors"]], "tensor_types": types}  # in file order
    if hashes:
        result["tensor_sha256_first16"] = {name: digest[:16] for name, _, digest in new["tensors"]}


def write_lines(path, head, runs):
    line = lambda x: json.dumps(x, ensure_ascii=False, separators=(",", ":"))
    one = lambda run: "{\n " + ",\n ".join(f"{line(k)}:{line(v)}" for k, v in run.items()) + "\n}"
    parts = [f"{line(k)}:{line(v)}" for k, v in head.items()]
    path.write_text("{\n" + ",\n".join(parts + ['"runs":[\n' + ",\n".join(map(one, runs)) + "\n]"]) + "\n}\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--llama-quantize", "--gguf", "--text", "--out"):
        parser.add_argument(name, type=pathlib.Path, required=True)
    parser.add_argument("--peers", required=True)
    parser.add_argument("--llama-python", required=True)
    parser.add_argument("--imatrix", type=pathlib.Path)
    parser.add_argument("--types", default="q4_0,q4_1,q5_0,q5_1,q8_0")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    xllamacpp = python(args, "import importlib.metadata as m, json; print(json.dumps(m.version('xllamacpp')))")
    head = {"tool": "llama-quantize of llama.cpp (llama-cpp-python 0.3.36)", "date": datetime.date.today().isoformat(),
            "perplexity": f"xllamacpp {xllamacpp}, {args.text.name} (sha256 {hashlib.sha256(args.text.read_bytes()).hexdigest()}), {CHUNKS} chunks of 512",
            "wall_s_note": "2 cores shared with other work: wall times are upper bounds, user_s is better"}
    runs = []
    for model, measured in RUNS:
        source_file = args.gguf / f"{model}-BF16.converter.gguf"
        source = python(args, DESCRIBE, source_file)
        jobs = [(kind, ()) for kind in args.types.split(",")]
        if model == "SmolLM2-135M-wide" and args.imatrix:
            copy = args.gguf / args.imatrix.name
            copy.write_bytes(args.imatrix.read_bytes())
            jobs.append(("q4_0", ("--imatrix", copy.name)))
        for kind, options in jobs:
            target = args.gguf / f"{model}-{kind.upper()}{'-imatrix' if options else ''}.llama-quantize.gguf"
            result = {"model": model, "type": kind.upper(), "imatrix": bool(options)}
            result["command"] = " ".join(["llama-quantize", *options, source_file.name, target.name, kind, str(args.threads)])
            result |= quantize(args, source_file, target, kind, *options)
            result["file_bytes"] = target.stat().st_size
            if measured:
                result |= python(args, PERPLEXITY, args.peers, target, args.text, CHUNKS)
            describe(result, source, python(args, DESCRIBE, target), measured)
            runs.append(result)
            print(model, kind, options and "imatrix", result["type_counts"], result["wall_s"], result.get("perplexity"), flush=True)
            write_lines(args.out, head, runs)


if __name__ == "__main__":
    main()
