#!/usr/bin/env python3
"""Asks llama.cpp which type each tensor of a model gets from each of its file types, with and without an importance matrix.

    make_recipe_golden.py --library DIR --out recipes.json

--library   folder with llama.cpp's shared libraries: the wheel of llama-cpp-py-sync, unpacked
            (pip download --no-deps llama-cpp-py-sync==0.11739; llama.cpp b11739, commit 0ce8cd114); needs x86-64 Linux

The models are headers only: a GGUF file with the names and shapes of the real model, whose weights are a hole in the file.
`llama_model_quantize` with `dry_run` reads the header, chooses the types and logs them; the log is what is kept.
"""
import argparse
import ctypes as c
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

FILE_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q8_0": 7, "q5_0": 8, "q5_1": 9, "q2_k": 10, "q3_k_s": 11, "q3_k_m": 12, "q3_k_l": 13,
              "q4_k_s": 14, "q4_k_m": 15, "q5_k_s": 16, "q5_k_m": 17, "q6_k": 18, "iq2_xxs": 19, "iq2_xs": 20, "q2_k_s": 21, "iq3_xs": 22,
              "iq3_xxs": 23, "iq1_s": 24, "iq4_nl": 25, "iq3_s": 26, "iq3_m": 27, "iq2_s": 28, "iq2_m": 29, "iq4_xs": 30, "iq1_m": 31, "bf16": 32,
              "tq1_0": 36, "tq2_0": 37, "mxfp4_moe": 38}
F32, BF16 = 0, 30


def dense(hidden, inner, heads, kv, head=None, gate=True, extra=()):
    head = head or hidden // heads
    tensors = [("attn_q.weight", [heads * head, hidden]), ("attn_k.weight", [kv * head, hidden]), ("attn_v.weight", [kv * head, hidden]),
               ("attn_output.weight", [hidden, heads * head])]
    tensors += [("ffn_gate.weight", [inner, hidden])] if gate else []
    return [("attn_norm.weight", [hidden])] + tensors + [("ffn_up.weight", [inner, hidden]), ("ffn_down.weight", [hidden, inner])] + list(extra)


def experts(count, hidden, inner):
    return [("ffn_gate_inp.weight", [count, hidden]), ("ffn_gate_exps.weight", [count, inner, hidden]),
            ("ffn_up_exps.weight", [count, inner, hidden]), ("ffn_down_exps.weight", [count, hidden, inner])]


def shared(hidden, inner):
    return [("ffn_gate_shexp.weight", [inner, hidden]), ("ffn_up_shexp.weight", [inner, hidden]), ("ffn_down_shexp.weight", [hidden, inner])]


def attention(hidden, heads, kv, head):
    return dense(hidden, 1, heads, kv, head)[:5]


def model(name, arch, layers, hidden, heads, kv, vocab, blocks, tied=False, more=None, frame=(), eps="attention.layer_norm_rms_epsilon"):
    """`blocks`: [(first, last, tensors)], layers first..last (inclusive) have these tensors."""
    numbers = {"context_length": 4096, "embedding_length": hidden, "block_count": layers, "attention.head_count": heads,
               "attention.head_count_kv": kv, "feed_forward_length": 4 * hidden, eps: 1e-5} | (more or {})
    outer = [("token_embd.weight", [vocab, hidden]), ("output_norm.weight", [hidden])]
    return {"name": name, "architecture": arch, "metadata": numbers, "frame": outer + ([] if tied else [("output.weight", [vocab, hidden])]) + list(frame),
            "blocks": blocks}


def models():
    def llama(name, layers, hidden, inner, heads, kv, vocab, **other):
        return model(name, "llama", layers, hidden, heads, kv, vocab, [(0, layers - 1, dense(hidden, inner, heads, kv))], **other)

    yield llama("SmolLM2-135M-Instruct", 30, 576, 1536, 9, 3, 49152, tied=True)
    yield llama("SmolLM2-135M-wide", 30, 768, 1536, 12, 4, 49152, tied=True)
    yield model("gemma-3-270m", "gemma3", 18, 640, 4, 1, 262144, [(0, 17, dense(640, 2048, 4, 1, 256))], tied=True)
    yield llama("Llama-3-8B", 32, 4096, 14336, 32, 8, 128256)
    yield llama("Llama-2-7B", 32, 4096, 11008, 32, 32, 32000)
    yield llama("Llama-3-70B", 80, 8192, 28672, 64, 8, 128256)
    yield llama("Llama-65B", 80, 8192, 22016, 64, 64, 32000)
    yield llama("odd-columns", 16, 1000, 2000, 10, 5, 32000)
    yield model("Qwen2-72B", "qwen2", 80, 8192, 64, 8, 152064, [(0, 79, dense(8192, 29568, 64, 8))])
    moe = {"expert_count": 8, "expert_used_count": 2}
    yield model("Mixtral-8x7B", "llama", 32, 4096, 32, 8, 32000, [(0, 31, attention(4096, 32, 8, 128) + experts(8, 4096, 14336))], more=moe)
    old = [(f"ffn_{kind}.{e}.weight", [4096, 14336] if kind == "down" else [14336, 4096]) for e in range(8) for kind in ("gate", "up", "down")]
    yield model("Mixtral-8x7B-split", "llama", 32, 4096, 32, 8, 32000, [(0, 31, attention(4096, 32, 8, 128) + old)], more=moe)
    yield model("Qwen3-30B-A3B", "qwen3moe", 48, 2048, 32, 4, 151936, [(0, 47, attention(2048, 32, 4, 128) + experts(128, 2048, 768))],
                more={"expert_count": 128, "expert_used_count": 8, "expert_feed_forward_length": 768})
    latent = [("attn_q.weight", [3072, 2048]), ("attn_kv_a_mqa.weight", [576, 2048]), ("attn_kv_b.weight", [4096, 512]),
              ("attn_output.weight", [2048, 2048])]
    yield model("DeepSeek-V2-Lite", "deepseek2", 27, 2048, 16, 16, 102400,
                [(0, 0, latent + [("ffn_gate.weight", [10944, 2048]), ("ffn_up.weight", [10944, 2048]), ("ffn_down.weight", [2048, 10944])]),
                 (1, 26, latent + experts(64, 2048, 1408) + shared(2048, 2816))],
                more={"expert_count": 64, "expert_used_count": 6, "expert_shared_count": 2, "expert_feed_forward_length": 1408,
                      "attention.kv_lora_rank": 512, "leading_dense_block_count": 1, "vocab_size": 102400})
    yield model("gpt-oss-20b", "gpt-oss", 24, 2880, 64, 8, 201088, [(0, 23, attention(2880, 64, 8, 64) + experts(32, 2880, 2880))],
                more={"expert_count": 32, "expert_used_count": 4, "expert_feed_forward_length": 2880, "attention.sliding_window": 128})
    fused = [("attn_qkv.weight", [9216, 3072]), ("attn_output.weight", [3072, 3072]), ("ffn_up.weight", [16384, 3072]), ("ffn_down.weight", [3072, 8192])]
    yield model("Phi-3-mini", "phi3", 32, 3072, 32, 32, 32064, [(0, 31, fused)])
    for name, layers, hidden, heads, kv in (("Falcon-7B", 32, 4544, 71, 1), ("Falcon-40B", 60, 8192, 128, 8)):
        block = [("attn_qkv.weight", [hidden + 2 * kv * 64, hidden]), ("attn_output.weight", [hidden, hidden]), ("ffn_up.weight", [4 * hidden, hidden]),
                 ("ffn_down.weight", [hidden, 4 * hidden])]
        yield model(name, "falcon", layers, hidden, heads, kv, 65024, [(0, layers - 1, block)], eps="attention.layer_norm_epsilon")
    per_layer = [("inp_gate.weight", [256, 2048]), ("proj.weight", [2048, 256]), ("laurel_l.weight", [64, 2048]), ("laurel_r.weight", [2048, 64])]
    yield model("gemma-3n-E2B", "gemma3n", 30, 2048, 8, 2, 262144, [(0, 29, dense(2048, 8192, 8, 2, 256) + per_layer)], tied=True,
                frame=[("per_layer_token_embd.weight", [262144, 7680]), ("per_layer_model_proj.weight", [7680, 2048])],
                more={"attention.sliding_window": 512, "attention.shared_kv_layers": 10})


    yield from exceptions()


def exceptions():
    """Small models with the tensors that llama-quantize treats by name or by architecture."""
    def small(arch, heads, kv, blocks, more, layers=4, **other):
        return model(f"small-{arch}", arch, layers, 512, heads, kv, 32000, [(0, layers - 1, blocks)], more=more, **other)

    square = lambda *stems: [(f"{stem}.weight", [512, 512]) for stem in stems]
    moe = {"expert_count": 16, "expert_used_count": 2, "expert_shared_count": 1, "expert_feed_forward_length": 256, "leading_dense_block_count": 0}
    latent = {"attention.key_length_mla": 128, "attention.value_length_mla": 128, "attention.q_lora_rank": 512, "attention.kv_lora_rank": 512}
    yield small("glm5-next", 4, 4, square("attn_q_a", "attn_q_b", "attn_kv_a_mqa", "attn_k_b", "attn_v_b", "attn_output", "nextn.eh_proj", "hc_attn_fn",
                                          "indexer.attn_q_b", "indexer.attn_k", "indexer.proj", "indexer_compressor_gate", "ssm_f_a", "ssm_g_b",
                                          "ssm_beta", "ssm_out") + experts(16, 512, 256) + shared(512, 256),
                latent | moe | {"ssm.conv_kernel": 4, "kda.head_dim": 128, "attention.indexer.head_count": 4, "attention.indexer.key_length": 128,
                                "attention.indexer.top_k": 64, "attention.indexer.kpool": 4, "hyper_connection.count": 4,
                                "hyper_connection.sinkhorn_iterations": 3, "hyper_connection.epsilon": 1e-5})
    yield small("bailingmoe3", 4, 4, square("attn_q_a", "attn_q_b", "attn_kv_a_mqa", "attn_output") + [("attn_k_b.weight", [4, 512, 256]),
                                                                                                     ("attn_v_b.weight", [4, 256, 512])]
                + experts(16, 512, 256) + shared(512, 256),
                latent | moe | {"ssm.conv_kernel": 4, "kda.head_dim": 128, "kda.gate_lower_bound": -5.0, "expert_gating_func": 2})
    yield small("rwkv7", 0, 0, square("time_mix_key", "time_mix_value", "time_mix_receptance", "time_mix_output", "time_mix_first", "time_mix_w0", "time_mix_w1",
                                      "time_mix_w2", "time_mix_a1", "time_mix_a2", "time_mix_v1", "time_mix_v2", "time_mix_g1", "time_mix_g2",
                                      "time_mix_lerp_fused", "channel_mix_key", "channel_mix_value"),
                {"wkv.head_size": 64, "attention.decay_lora_rank": 64, "attention.iclr_lora_rank": 64, "attention.value_residual_mix_lora_rank": 64,
                 "attention.layer_norm_epsilon": 1e-5})
    yield small("lfm2", 8, 2, square("attn_q", "attn_k", "attn_v", "attn_output", "shortconv.in_proj", "shortconv.out_proj", "ffn_gate", "ffn_up", "ffn_down")
                + [("shortconv.conv.weight", [512, 3])], {"shortconv.l_cache": 3}, tied=True)
    yield small("mamba", 0, 0, [("ssm_in.weight", [2048, 512]), ("ssm_conv1d.weight", [1024, 4]), ("ssm_x.weight", [64, 1024]), ("ssm_dt.weight", [1024, 32]),
                                ("ssm_out.weight", [512, 1024])],
                {"ssm.conv_kernel": 4, "ssm.inner_size": 1024, "ssm.state_size": 16, "ssm.time_step_rank": 32})
    yield small("bert", 8, 8, square("attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down"), {"attention.layer_norm_epsilon": 1e-5}, tied=True,
                frame=[("position_embd.weight", [512, 512]), ("token_types.weight", [2, 512])])
    stems = ("attn_v", "attn_rel_b", "ffn_down")
    sides = [(f"{side}.blk.{layer}.{stem}.weight", [512, 512]) for side in ("enc", "dec") for layer in range(12) for stem in stems]
    yield model("small-t5", "t5", 12, 512, 8, 8, 32000, [], more={"attention.relative_buckets_count": 32}, frame=sides)


def tensors_of(model):
    yield from model["frame"]
    for first, last, block in model["blocks"]:
        for layer in range(first, last + 1):
            for stem, shape in block:
                yield f"blk.{layer}.{stem}", shape


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def pair(key, value):
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    return text(key) + (struct.pack("<If", 6, value) if isinstance(value, float) else struct.pack("<II", 4, value))


def write_header(path, model):
    pairs = [pair("general.architecture", model["architecture"])]
    pairs += [pair(f"{model['architecture']}.{key}", value) for key, value in model["metadata"].items()]
    infos, offset = b"", 0
    tensors = list(tensors_of(model))
    for name, shape in tensors:
        kind, width = (F32, 4) if len(shape) == 1 or name.endswith("ffn_gate_inp.weight") else (BF16, 2)
        infos += text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in reversed(shape)) + struct.pack("<IQ", kind, offset)
        size = width
        for n in shape:
            size *= n
        offset += (size + 31) // 32 * 32
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs) + infos
    head += bytes(-len(head) % 32)
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(len(head) + offset)  # a hole: no space on the disk


SHIM = """
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
long __isoc23_strtol(const char *s, char **e, int b) { return strtol(s, e, b); }
unsigned long __isoc23_strtoul(const char *s, char **e, int b) { return strtoul(s, e, b); }
unsigned long long __isoc23_strtoull(const char *s, char **e, int b) { return strtoull(s, e, b); }
int __isoc23_sscanf(const char *s, const char *f, ...) { va_list a; va_start(a, f); int r = vsscanf(s, f, a); va_end(a); return r; }
"""
GLIBC_2_38 = struct.pack("<IH", 0x069691b8, 0)  # its record among the versions that a library needs: hash of the name, flags


def load_library(folder, scratch):
    """The libraries ask for four functions of glibc 2.38; older systems have them under their names from before C23."""
    (scratch / "shim.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", scratch / "shim.so", scratch / "shim.c"], check=True)
    c.CDLL(str(scratch / "shim.so"), mode=c.RTLD_GLOBAL)
    library = None
    for name in ("libggml-base.so.0", "libggml-cpu.so.0", "libggml-rpc.so.0", "libggml.so.0", "libllama.so.0"):
        data = bytearray((folder / name).read_bytes())
        at = data.find(GLIBC_2_38)
        if at >= 0:
            data[at + 4] = 2  # VER_FLG_WEAK: a missing version is no error
        (scratch / name).write_bytes(data)
        library = c.CDLL(str(scratch / name), mode=c.RTLD_GLOBAL)
    return library


class Params(c.Structure):  # llama_model_quantize_params of llama.h
    _fields_ = [("nthread", c.c_int32), ("ftype", c.c_int), ("output_tensor_type", c.c_int), ("token_embedding_type", c.c_int)] + \
        [(name, c.c_bool) for name in ("allow_requantize", "quantize_output_tensor", "only_copy", "pure", "keep_split", "dry_run")] + \
        [(name, c.c_void_p) for name in ("imatrix", "kv_overrides", "tt_overrides", "prune_layers")] + [("max_buf_size", c.c_size_t)]


class Quantizer:
    LINE = re.compile(r"\[ *\d+/ *\d+\] +(\S+) +- \[[^]]*\], type = +(\w+), size = .*?(?:\((\w+)\))?$")

    def __init__(self, library):
        self.library, self.log = library, []
        self.callback = c.CFUNCTYPE(None, c.c_int, c.c_char_p, c.c_void_p)(lambda level, line, data: self.log.append(line.decode(errors="replace")))
        library.llama_log_set.argtypes = [c.c_void_p, c.c_void_p]
        library.llama_log_set(c.cast(self.callback, c.c_void_p), None)
        library.llama_model_quantize_default_params.restype = Params
        library.llama_model_quantize.argtypes = [c.c_char_p, c.c_char_p, c.POINTER(Params)]
        library.llama_backend_init()

    def types(self, path, file_type, importance):
        params = self.library.llama_model_quantize_default_params()
        params.ftype, params.dry_run, params.nthread = FILE_TYPES[file_type], True, 1
        empty = (c.c_char * 24)()  # a list of no entries
        params.imatrix = c.cast(empty, c.c_void_p) if importance else None
        self.log.clear()
        failed = self.library.llama_model_quantize(str(path).encode(), b"", c.byref(params))
        log = "".join(self.log)
        if failed:
            sys.exit(f"{path} {file_type}: llama.cpp refuses:\n{log[-2000:]}")
        found = {m[1]: (m[3] or m[2]).lower() for m in map(self.LINE.match, re.sub(r"warning: .*?\n", "", log).splitlines()) if m}
        return found


def in_runs(words):
    out = []
    for word in words:
        if out and out[-1][0] == word:
            out[-1][1] += 1
        else:
            out.append([word, 1])
    return " ".join(word if n == 1 else f"{word}*{n}" for word, n in out)


def by_stem(types, model):
    """{stem: the types of all layers that have it, in order} of the matrices; a tensor outside the layers is its own stem."""
    columns = {}
    for name, shape in tensors_of(model):
        if len(shape) == 1:  # always kept
            continue
        columns.setdefault(re.sub(r"^blk\.\d+\.", "", name), []).append(types[name])
    return {stem: in_runs(column) for stem, column in columns.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    line = lambda x: json.dumps(x, separators=(",", ":"))
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        quantizer = Quantizer(load_library(args.library, scratch))
        for model_ in models():
            write_header(scratch / "model.gguf", model_)
            count, lines = len(list(tensors_of(model_))), []
            for file_type in FILE_TYPES:
                plain, important = (quantizer.types(scratch / "model.gguf", file_type, i) for i in (False, True))
                if len(plain) != count or len(important) != count:
                    sys.exit(f"{model_['name']} {file_type}: {len(plain)} of {count} tensors in the log")
                lines.append(f"{line(file_type)}:{line(by_stem(plain, model_))}")
                changed = {k: v for k, v in by_stem(important, model_).items() if v != by_stem(plain, model_)[k]}
                if changed:
                    lines.append(f"{line(file_type + '+importance')}:{line(changed)}")
            head = {k: model_[k] for k in ("name", "architecture", "metadata", "frame", "blocks")}
            parts.append("{" + line(head)[1:-1] + ',\n"types":{\n' + ",\n".join(lines) + "}}")
            print(model_["name"], count, "tensors", flush=True)
    about = {"tool": "llama_model_quantize, dry run, of llama.cpp b11739 (commit 0ce8cd114; llama-cpp-py-sync 0.11739)",
             "note": "types of a stem: those of the layers that have it, in order; +importance: what an importance matrix changes"}
    args.out.write_text(line(about)[:-1] + ',\n"models":[\n' + ",\n".join(parts) + "\n]}\n")


if __name__ == "__main__":
    main()
