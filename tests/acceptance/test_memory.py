#!/usr/bin/env python3
"""Peak memory below 15 % of the bf16 model and 200 MB, also where weights are stored transposed: one model like GPT-2, one like gpt-oss."""
import json
import random
import shutil
import struct

from common import GOLDEN, Checks, run, scratch

THREADS = 2


def larger(name, out, config, shape_of, layers):
    """A checkpoint like tests/golden/tiny/NAME with other sizes and random weights; returns its folder and bytes."""
    folder = out / name
    shutil.copytree(GOLDEN / "tiny" / name, folder, ignore=shutil.ignore_patterns("gguf.json", "texts.json", "model.safetensors"))
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, **config}))
    raw = (GOLDEN / "tiny" / name / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    tiny = {n: v["shape"] for n, v in json.loads(raw[8:8 + size]).items() if n != "__metadata__"}
    shapes = {n: s for n, s in tiny.items() if ".0." not in n and ".1." not in n}
    for layer in range(layers):
        shapes.update({n.replace(".0.", f".{layer}.", 1): s for n, s in tiny.items() if ".0." in n})
    head, end = {}, 0
    for n, s in shapes.items():
        shape = [shape_of(n, i, length) for i, length in enumerate(s)]
        count = 1
        for length in shape:
            count *= length
        head[n] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + 2 * count]}
        end += 2 * count
    text = json.dumps(head).encode()
    block = struct.pack("<65536H", *[random.randrange(0x3C00, 0x3E00) | random.randrange(2) << 15 for _ in range(65536)])
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for begin in range(0, end, len(block)):
            file.write(block[:min(len(block), end - begin)])
    return folder, end


def gpt2(name, axis, length):
    return {64: 1024, 192: 3072, 256: 4096}.get(length, length)


def llama(name, axis, length):
    return 1024 if length == 256 else length


def gpt_oss(name, axis, length):
    if length == 4:
        return 16  # experts, or heads of the sinks
    if "gate_up_proj" in name and axis == (1 if "bias" in name else 2):
        return 2048
    if length == 32:
        return 512 if "self_attn" in name else 1024
    return {64: 1024}.get(length, length)


def plain(checks, out):
    """Copies and float outputs, whose memory is that of threads and of mapped pages: the plan is neither too low nor, for many threads, far too high."""
    folder, size = larger("llama-256", out, {"hidden_size": 1024, "intermediate_size": 1024, "num_hidden_layers": 16, "num_attention_heads": 16}, llama, 16)
    for form, encoding, name in (("safetensors", "bf16", "plain"), ("gguf", "f16", "plain.gguf")):
        for threads in (1, 4, 32):
            pipeline = out / "p.yaml"
            pipeline.write_text(f"version: 1\nmodel: {folder}\nthreads: {threads}\noutputs: [{{format: {form}, encoding: {encoding}, to: {name}}}]\n")
            planned = json.loads(run("plan", pipeline, "--json").stdout)["peak_memory_bytes"]
            peak = json.loads(run("run", pipeline, "--force", "--json").stdout)["peak_memory_bytes"]
            checks.that(0.45 * planned < peak < 1.1 * planned,
                        f"{size / 1e6:.0f} MB to {form}, {threads} threads: peak {peak / 1e6:.0f} MB, planned {planned / 1e6:.0f} MB")


def main():
    checks, out = Checks(), scratch()
    random.seed(1)
    models = [larger("gpt2", out, {"n_embd": 1024, "n_head": 16, "n_layer": 12, "n_positions": 1024, "n_ctx": 1024}, gpt2, 12),
              larger("gpt-oss", out, {"hidden_size": 1024, "intermediate_size": 1024, "num_local_experts": 16, "num_hidden_layers": 3, "head_dim": 64,
                                      "num_attention_heads": 16, "num_key_value_heads": 8, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
                     gpt_oss, 3)]
    for folder, size in models:
        pipeline = out / "p.yaml"
        pipeline.write_text(f"version: 1\nmodel: {folder}\nthreads: {THREADS}\noutputs: [{{format: gguf, recipe: q8_0, options: {{pre_tokenizer: gpt-2}}, to: out.gguf}}]\n")
        planned = json.loads(run("plan", pipeline, "--json").stdout)["peak_memory_bytes"]
        result = json.loads(run("run", pipeline, "--force", "--json").stdout)
        peak, limit = result["peak_memory_bytes"], 0.15 * size + 200e6
        checks.that(peak < limit, f"{folder.name}, {size / 1e6:.0f} MB: peak {peak / 1e6:.0f} MB, limit {limit / 1e6:.0f} MB, planned {planned / 1e6:.0f} MB, {result['seconds']:.1f} s")
        checks.that(peak < 1.1 * planned, "the plan says so")
    plain(checks, out)
    checks.finish()


if __name__ == "__main__":
    main()
