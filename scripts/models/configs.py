"""config.json and generation_config.json."""

from .rearrange import Widening


def smollm_configs(source, wide):
    config = {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": source["tokenizer.ggml.bos_token_id"],
        "eos_token_id": source["tokenizer.ggml.eos_token_id"],
        "hidden_act": "silu",
        "hidden_size": source["{a}.embedding_length"],
        "initializer_range": 0.041666666666666664,
        "intermediate_size": source["{a}.feed_forward_length"],
        "is_llama_config": True,
        "max_position_embeddings": source["{a}.context_length"],
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": source["{a}.attention.head_count"],
        "num_hidden_layers": source["{a}.block_count"],
        "num_key_value_heads": source["{a}.attention.head_count_kv"],
        "pad_token_id": source["tokenizer.ggml.padding_token_id"],
        "pretraining_tp": 1,
        "rms_norm_eps": source.decimal("{a}.attention.layer_norm_rms_epsilon"),
        "rope_interleaved": False,
        "rope_scaling": None,
        "rope_theta": int(source["{a}.rope.freq_base"]),
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": source["{a}.vocab_size"],
    }
    if wide:
        config["hidden_size"] = Widening.NEW
        config["num_attention_heads"] += 3
        config["num_key_value_heads"] += 1
        config["rms_norm_eps"] *= Widening.OLD / Widening.NEW
    generation = {"_from_model_config": True} | {k: config[k] for k in ("bos_token_id", "eos_token_id", "pad_token_id")}
    return config, generation


def gemma_configs(source):
    layers = source["{a}.block_count"]
    config = {
        "_sliding_window_pattern": 6,
        "architectures": ["Gemma3ForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "attn_logit_softcapping": None,
        "bos_token_id": source["tokenizer.ggml.bos_token_id"],
        "eos_token_id": source["tokenizer.ggml.eos_token_id"],
        "final_logit_softcapping": None,
        "head_dim": source["{a}.attention.key_length"],
        "hidden_activation": "gelu_pytorch_tanh",
        "hidden_size": source["{a}.embedding_length"],
        "initializer_range": 0.02,
        "intermediate_size": source["{a}.feed_forward_length"],
        "layer_types": ["full_attention" if (i + 1) % 6 == 0 else "sliding_attention" for i in range(layers)],
        "max_position_embeddings": source["{a}.context_length"],
        "model_type": "gemma3_text",
        "num_attention_heads": source["{a}.attention.head_count"],
        "num_hidden_layers": layers,
        "num_key_value_heads": source["{a}.attention.head_count_kv"],
        "pad_token_id": source["tokenizer.ggml.padding_token_id"],
        "query_pre_attn_scalar": source["{a}.attention.key_length"],
        "rms_norm_eps": source.decimal("{a}.attention.layer_norm_rms_epsilon"),
        "rope_local_base_freq": 10000.0,
        "rope_scaling": None,
        "rope_theta": source.decimal("{a}.rope.freq_base"),
        "sliding_window": source["{a}.attention.sliding_window"],
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "use_bidirectional_attention": False,
        "use_cache": True,
        "vocab_size": len(source["tokenizer.ggml.tokens"]),
    }
    generation = {"cache_implementation": "hybrid", "do_sample": True, "top_k": 64, "top_p": 0.95}
    generation |= {k: config[k] for k in ("bos_token_id", "eos_token_id", "pad_token_id")}
    return config, generation
