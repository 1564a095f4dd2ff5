"""Broken checkpoints of every kind of architecture for test_bad_architectures.py: (checkpoint of tests/golden/tiny, what is wrong, how to
break a copy of it, what the one sentence must say)."""
import json

import bad_files as bad


def config(**values):
    return bad.config(lambda c: c.update(values))


def without(key):
    return bad.config(lambda c: c.pop(key))


def weights(change):
    """Changes {name: [dtype, shape, bytes]} of model.safetensors."""
    def spoil(folder):
        path = folder / "model.safetensors"
        head, data = bad.header(path)
        tensors = {n: [v["dtype"], v["shape"], data[v["data_offsets"][0]:v["data_offsets"][1]]] for n, v in head.items() if n != "__metadata__"}
        change(tensors)
        write(path, tensors)
    return spoil


def write(path, tensors):
    head, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    bad.rewrite(path, head, data)


def drop(name):
    return weights(lambda t: t.pop(name))


def rename(name, to):
    return weights(lambda t: t.update({to: t.pop(name)}))


def narrower(name):
    """The tensor without its last row."""
    def change(tensors):
        dtype, shape, raw = tensors[name]
        tensors[name] = [dtype, [shape[0] - 1, *shape[1:]], raw[:len(raw) // shape[0] * (shape[0] - 1)]]
    return weights(change)


def turned(name):
    """The tensor's two last dimensions exchanged in its header."""
    def change(tensors):
        dtype, shape, raw = tensors[name]
        tensors[name] = [dtype, [*shape[:-2], shape[-1], shape[-2]], raw]
    return weights(change)


def beside(name, dtype, shape):
    """One more tensor of zeros."""
    size = {"U8": 1, "BF16": 2, "F32": 4}[dtype]
    for n in shape:
        size *= n
    return weights(lambda t: t.update({name: [dtype, shape, bytes(size)]}))


def shards(change):
    """model.safetensors in two files with an index; `change(index, first, second)` spoils them before they are written."""
    def spoil(folder):
        path = folder / "model.safetensors"
        head, data = bad.header(path)
        names = [n for n in head if n != "__metadata__"]
        files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
        parts = [{}, {}]
        for i, n in enumerate(names):
            begin, end = head[n]["data_offsets"]
            parts[i % 2][n] = [head[n]["dtype"], head[n]["shape"], data[begin:end]]
        index = {n: files[i % 2] for i, n in enumerate(names)}
        change(index, *parts)
        path.unlink()
        for file, part in zip(files, parts):
            if part:
                write(folder / file, part)
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    return spoil


def twice(index, first, second):
    """A tensor of the first file stands in the second too."""
    name = next(iter(first))
    second[name] = first[name]


def lost_shard(index, first, second):
    second.clear()


def lost_tensor(index, first, second):
    second.pop(next(iter(second)))


def unlisted(index, first, second):
    index.pop(next(iter(second)))


GATE = "model.layers.1.mlp.experts.3.gate_proj.weight"
CASES = [
    # sizes of the vocabulary and of the embedding
    ("gpt2", "vocabulary larger than the embedding", config(vocab_size=300), r"wte\.weight.*\[280, 64\].*\[300, 64\].*vocab_size 300"),
    ("falcon-7b", "vocabulary smaller than the embedding", config(vocab_size=279), r"word_embeddings.*\[280, 64\].*vocab_size 279"),
    ("gpt-oss", "head with fewer rows than the embedding", narrower("lm_head.weight"), r"lm_head\.weight.*\[279, 64\].*vocab_size 280"),
    ("mpt", "embedding with fewer rows", narrower("transformer.wte.weight"), r"wte\.weight.*\[279, 64\].*vocab_size 280"),
    # experts
    ("mixtral-4", "an expert is missing", drop("model.layers.1.block_sparse_moe.experts.2.w3.weight"), r"experts\.2\.w3\.weight' is missing"),
    ("qwen3moe", "an expert is narrower", narrower(GATE), r"experts\.3\.gate_proj\.weight.*shape \[31, 64\].*moe_intermediate_size 32"),
    ("deepseek-v3", "more experts than files hold", config(n_routed_experts=9), r"\[8, 64\].*n_routed_experts 9|experts\.8\."),
    ("deepseek-v3", "fewer experts than files hold", config(n_routed_experts=6), r"n_routed_experts 6|experts\.6\."),
    ("deepseek-v3", "no correction of the scores", drop("model.layers.1.mlp.gate.e_score_correction_bias"), r"e_score_correction_bias' is missing"),
    ("gpt-oss", "number of experts as text", config(num_local_experts="4"), r"config\.json: key 'num_local_experts' must be a number, not a string \(4\)"),
    ("gpt-oss", "10^12 experts", config(num_local_experts=10 ** 12), r"config\.json.*num_local_experts"),
    ("gpt-oss", "more chosen experts than experts", config(num_experts_per_tok=5), r"num_experts_per_tok 5.*num_local_experts 4"),
    ("gpt-oss", "fused experts the other way round", turned("model.layers.0.mlp.experts.down_proj"), r"experts\.down_proj.*\[4, 64, 32\].*\[4, 32, 64\]"),
    ("granitemoe", "half of the fused experts", narrower("model.layers.0.block_sparse_moe.input_linear.weight"), r"input_linear\.weight.*\[3, 64, 64\]"),
    # latent attention
    ("deepseek-v2", "another rank of the queries", config(q_lora_rank=48), r"q_a_.*q_lora_rank 48"),
    ("deepseek-v2", "no rank of the queries", config(q_lora_rank=None), r"q_proj\.weight' is missing"),
    ("deepseek-v2-lite", "a rank that is not there", config(q_lora_rank=32), r"q_a_proj\.weight' is missing"),
    ("deepseek-v2", "negative width of the values", config(v_head_dim=-16), r"config\.json.*v_head_dim"),
    ("deepseek-v2", "a missing rank", without("kv_lora_rank"), r"\[40, 64\].*config\.json lacks kv_lora_rank"),
    # matrices of inputs by outputs
    ("gpt2", "a matrix of outputs by inputs", turned("transformer.h.0.mlp.c_fc.weight"), r"c_fc\.weight.*\[256, 64\].*\[64, 256\]"),
    ("gpt2", "another inner width", config(n_inner=128), r"c_fc.*n_inner 128"),
    ("gpt2", "no layers", config(n_layer=0), r"config\.json.*n_layer 0"),
    ("gpt2", "heads that do not divide the width", config(n_head=5), r"config\.json: n_embd 64 must be a multiple of n_head 5"),
    # fused matrices
    ("phi3", "fused attention of other heads", config(num_key_value_heads=1), r"qkv_proj.*num_key_value_heads 1"),
    ("phi3-longrope-long", "lists of factors of another length", config(rope_scaling={"type": "longrope", "long_factor": [1.0], "short_factor": [1.0]}),
     r"config\.json.*long_factor.*32 columns"),
    ("phi3-longrope-long", "a factor that is no number", bad.config(lambda c: c["rope_scaling"]["long_factor"].__setitem__(3, "x")),
     r"config\.json: key 'rope_scaling\.long_factor' must give a list of numbers"),
    ("falcon-40b", "key and value heads that do not divide the heads", config(num_kv_heads=3), r"num_attention_heads 8 must be a multiple of num_kv_heads 3"),
    ("falcon-40b", "one norm instead of two", config(num_ln_in_parallel_attn=1), r"input_layernorm\.weight' is missing"),
    ("falcon-7b", "positions that GGUF's architecture lacks", config(alibi=True), r"config\.json: alibi true"),
    ("gpt-neox", "a bias is missing", drop("gpt_neox.layers.1.attention.query_key_value.bias"), r"query_key_value\.bias' is missing"),
    ("mpt", "grouped heads that the matrix does not have", bad.config(lambda c: c["attn_config"].update(kv_n_heads=2)), r"Wqkv.*attn_config\.kv_n_heads 2"),
    ("cohere2", "a tensor of another name", rename("model.layers.1.mlp.up_proj.weight", "model.layers.1.mlp.up.weight"), r"up_proj\.weight' is missing"),
    ("starcoder2", "an unknown tensor", beside("model.layers.0.mlp.surprise.weight", "BF16", [4, 4]), r"surprise\.weight' is not known"),
    # rotary scaling
    ("deepseek-v3", "unknown rope type", config(rope_scaling={"rope_type": "spiral", "factor": 2.0}), r"config\.json.*rope_scaling\.rope_type.*spiral.*yarn"),
    ("gpt-oss", "yarn without its factor", bad.config(lambda c: c["rope_scaling"].pop("factor")), r"config\.json.*yarn.*'factor'"),
    # storage that is not read
    ("gpt-oss", "MXFP4 scales without a word in config.json", beside("model.layers.0.mlp.experts.down_proj_scales", "U8", [4, 64, 1]), r"down_proj_scales.*MXFP4.*quant_method: mxfp4"),
    ("deepseek-v3", "FP8 scales without a word in config.json", beside("model.layers.0.self_attn.o_proj.weight_scale_inv", "F32", [1, 1]), r"weight_scale_inv.*FP8.*quant_method: fp8"),
    # several files
    ("deepseek-v2", "one tensor in two files", shards(twice), r"model-0000\d-of-00002\.safetensors|index"),
    ("gpt-oss", "a missing file", shards(lost_shard), r"model-00002-of-00002\.safetensors"),
    ("qwen2moe", "a tensor that the index promises", shards(lost_tensor), r"model-00002-of-00002\.safetensors|index"),
    ("mixtral-8", "a tensor that the index does not list", shards(unlisted), r"index|model-00002-of-00002\.safetensors|is missing"),
    # JSON
    ("deepseek-v2", "config.json is a list", bad.text("config.json", "[]"), r"config\.json"),
    ("mpt", "attn_config is no map", config(attn_config=3), r"config\.json: key 'attn_config' must be a map, not a number \(3\)"),
    ("cohere", "a flag as text", config(use_qk_norm="no"), r"config\.json: key 'use_qk_norm' must be a boolean"),
    ("gpt-neox", "no class and no type", bad.config(lambda c: [c.pop("architectures"), c.pop("model_type")]), r"config\.json.*architectures"),
]
