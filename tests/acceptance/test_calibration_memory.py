#!/usr/bin/env python3
"""Memory of a calibration: statistics of a model with the shape of an 8B Llama fit into 16 GiB by plan, and a run on a scaled-down one takes what
its plan says; with rtn, with gptq, and with a quantizer that wants X^T X of every input and takes no memory itself."""
import json
import shutil
import struct

import numpy as np

from common import GOLDEN, PROGRAM, Checks, left_out, run_json, scratch
from test_memory import larger

GRAM = PROGRAM.parents[1] / "tests" / "plugin" / "plugins" / "gram_rtn.so"  # made by the target test_plugin_gram_rtn
PLUGINS = {}  # environment in which the program finds it


def tensors(path):
    return path.read_bytes()[-run_json("inspect", path)["bytes"]:]


def memory(checks, out):
    """A model of the shape of an 8B Llama, scaled down: 1024 columns, 4 layers. With rtn, and with a quantizer that wants X^T X of every input,
    of which that of one layer is kept at a time."""
    config = json.loads((GOLDEN / "tiny" / "llama" / "config.json").read_text())
    wide = {config["hidden_size"]: 1024, config["intermediate_size"]: 3584,
            config["hidden_size"] // config["num_attention_heads"] * config["num_key_value_heads"]: 256}
    folder, _ = larger("llama", out, {"hidden_size": 1024, "intermediate_size": 3584, "num_attention_heads": 16, "num_key_value_heads": 4, "head_dim": 64,
                                      "num_hidden_layers": 4}, lambda name, axis, length: wide.get(length, length), 4)
    (out / "long.txt").write_text("a quick look at the memory of a model that reads many words " * 2500)
    for quantizer, activations in [("rtn", "memory"), ("rtn", "file")] + [("gptq", "memory")] + [("gram_rtn", "memory")] * bool(PLUGINS):
        (out / "m.yaml").write_text(json.dumps({
            "version": 1, "model": str(folder), "calibration": {"data": "long.txt", "samples": 6, "length": 2048, "activations": activations},
            "outputs": [{"format": "gguf", "encoding": "q4_0", "quantizer": quantizer, "to": f"{quantizer}.{activations}.gguf",
                         "options": {"pre_tokenizer": "default"}}]}))
        planned = run_json("plan", out / "m.yaml", env=PLUGINS)["peak_memory_bytes"]
        measured = run_json("run", out / "m.yaml", env=PLUGINS)["peak_memory_bytes"]
        checks.that(abs(measured / planned - 1) <= 0.2,
                    f"{quantizer}, activations in {activations}: peak {measured / 2**20:.0f} MiB, planned {planned / 2**20:.0f} MiB")
    if PLUGINS:
        checks.that(tensors(out / "gram_rtn.memory.gguf") == tensors(out / "rtn.memory.gguf"), "X^T X has the diagonal that rtn takes: the same bytes")


LLAMA_8B = {"hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "num_hidden_layers": 32,
            "vocab_size": 128256, "tie_word_embeddings": False}


def large_shape(out):
    """The header of a model with the shape of Llama 3 8B, and no weights: the file is sparse."""
    folder = out / "8b"
    shutil.copytree(GOLDEN / "tiny" / "llama", folder, ignore=shutil.ignore_patterns("gguf.json", "texts.json", "model.safetensors"))
    (folder / "config.json").write_text(json.dumps({**json.loads((folder / "config.json").read_text()), **LLAMA_8B}))
    wide, ff, kv, vocabulary = (LLAMA_8B["hidden_size"], LLAMA_8B["intermediate_size"], 1024, LLAMA_8B["vocab_size"])
    shapes = {"model.embed_tokens.weight": [vocabulary, wide], "lm_head.weight": [vocabulary, wide], "model.norm.weight": [wide]}
    for layer in range(LLAMA_8B["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        shapes |= {prefix + "input_layernorm.weight": [wide], prefix + "post_attention_layernorm.weight": [wide],
                   prefix + "self_attn.q_proj.weight": [wide, wide], prefix + "self_attn.k_proj.weight": [kv, wide],
                   prefix + "self_attn.v_proj.weight": [kv, wide], prefix + "self_attn.o_proj.weight": [wide, wide],
                   prefix + "mlp.gate_proj.weight": [ff, wide], prefix + "mlp.up_proj.weight": [ff, wide], prefix + "mlp.down_proj.weight": [wide, ff]}
    head, end = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        head[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    raw = json.dumps(head).encode()
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + end)
    return folder


def large_plan(checks, out):
    """Statistics of 128 samples of 2048 tokens on the shape of an 8B model fit into 16 GiB, X^T X of all inputs, too."""
    folder, limit = large_shape(out), 16 << 30
    (out / "many.jsonl").write_text(json.dumps({"tokens": [k % 100 for k in range(2048)]}) + "\n" + (json.dumps({"tokens": list(range(100)) * 21}) + "\n") * 130)
    for quantizer in ["rtn", "gptq"] + ["gram_rtn"] * bool(PLUGINS):
        (out / "8b.yaml").write_text(json.dumps({
            "version": 1, "model": str(folder), "calibration": {"data": "many.jsonl", "samples": 128, "length": 2048},
            "outputs": [{"format": "gguf", "recipe": "q4_k_m", "quantizer": quantizer, "to": "8b.gguf", "options": {"pre_tokenizer": "llama-bpe"}}]}))
        plan = run_json("plan", out / "8b.yaml", env=PLUGINS)
        peak = plan["peak_memory_bytes"]
        checks.that(plan["calibration"]["tokens"] == 128 * 2048 and peak < limit, f"8B, {quantizer}: {peak / 2**30:.2f} GiB planned, limit 16 GiB")


def main():
    checks, out = Checks(), scratch()
    if GRAM.exists():
        (out / "plugins").mkdir()
        shutil.copy(GRAM, out / "plugins")
        PLUGINS["POLYQUANT_PLUGIN_PATH"] = str(out / "plugins")
    else:
        left_out(f"{GRAM.name} is not built")
    memory(checks, out)
    large_plan(checks, out)
    checks.finish()


if __name__ == "__main__":
    main()
