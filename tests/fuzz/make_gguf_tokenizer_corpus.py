#!/usr/bin/env python3
"""Makes the seeds of gguf_tokenizer_fuzz and view_fuzz: GGUF files with tokenizers of every kind, one of them a whole small model.

Usage: make_gguf_tokenizer_corpus.py CORPUS
"""
import pathlib
import struct
import sys

from make_gguf_corpus import key, pad, start, tensor, text

LLAMA = ["<unk>", "<s>", "</s>", "<0x0A>", "\u2581", "a", "b", "\u2581a", "ab", "  ", "12", "H"]


def string(name, value):
    return key(name, 8, text(value))


def number(name, value):
    return key(name, 4, struct.pack("<I", value))


def flag(name, value):
    return key(name, 7, struct.pack("<B", value))


def array(name, type_id, code, values):
    return key(name, 9, struct.pack(f"<IQ{len(values)}{code}", type_id, len(values), *values))


def strings(name, values):
    return key(name, 9, struct.pack("<IQ", 8, len(values)) + b"".join(text(v) for v in values))


def tokenizer(model, pre, tokens, types, scores=None, merges=None, more=()):
    keys = [string("tokenizer.ggml.model", model), string("tokenizer.ggml.pre", pre), strings("tokenizer.ggml.tokens", tokens),
            array("tokenizer.ggml.token_type", 5, "i", types)]
    if scores:
        keys.append(array("tokenizer.ggml.scores", 6, "f", scores))
    if merges:
        keys.append(strings("tokenizer.ggml.merges", merges))
    keys += [number("tokenizer.ggml.bos_token_id", 1), number("tokenizer.ggml.eos_token_id", 2), *more]
    return keys


def file(keys, tensors=()):
    head, data, offset = start(len(tensors), len(keys)) + b"".join(keys), b"", 0
    for name, dims in tensors:
        count = 1
        for size in dims:
            count *= size
        head += tensor(name, dims, 0, offset)
        data = pad(data + struct.pack("<f", 0.5) * count)
        offset = len(data)
    return pad(head) + data


def llama():
    return tokenizer("llama", "default", LLAMA, [2, 3, 3, 6, 1, 1, 1, 1, 1, 4, 4, 1], [0, 0, 0, 0, -5, -6, -7, -2, -1, 0, 0, -9],
                     more=[flag("tokenizer.ggml.add_space_prefix", 1), string("tokenizer.chat_template", "{{ messages[0]['content'] }}")])


def gpt2(pre):
    tokens = ["<|endoftext|>", "<s>", "</s>", "a", "b", "ab", "H", "i", "1", "2", "\u0120", "\u010a", "\u00c3", "\u00a9"]
    return tokenizer("gpt2", pre, tokens, [3, 3, 3] + 11 * [1], merges=["a b", "H i"], more=[flag("tokenizer.ggml.add_bos_token", 1)])


def gemma4():
    return tokenizer("gpt2", "gemma4", LLAMA, [2, 3, 3, 6, 1, 1, 1, 1, 1, 4, 4, 1], merges=["a b", "\u2581 a"])


def t5():
    return tokenizer("t5", "default", LLAMA, [2, 3, 3, 6, 1, 1, 1, 1, 1, 4, 4, 1], [0, 0, 0, 0, -5, -6, -7, -2, -1, 0, 0, -9],
                     more=[flag("tokenizer.ggml.remove_extra_whitespaces", 1)])


def nested():
    tokens = ["<unk>", "<s>", "</s>"] + ["a" * n for n in range(1, 12)]
    return tokenizer("llama", "default", tokens, [2, 3, 3] + 11 * [4])


def model():
    keys = [string("general.architecture", "llama"), number("llama.block_count", 1), number("llama.context_length", 16),
            number("llama.embedding_length", 4), number("llama.feed_forward_length", 6), number("llama.attention.head_count", 2),
            number("llama.attention.head_count_kv", 1), key("llama.attention.layer_norm_rms_epsilon", 6, struct.pack("<f", 1e-5)),
            string("llama.rope.scaling.type", "linear"), key("llama.rope.scaling.factor", 6, struct.pack("<f", 2)), *llama()]
    tensors = [("token_embd.weight", [4, 12]), ("output.weight", [4, 12]), ("output_norm.weight", [4]), ("blk.0.attn_norm.weight", [4]),
               ("blk.0.attn_q.weight", [4, 4]), ("blk.0.attn_k.weight", [4, 2]), ("blk.0.attn_v.weight", [4, 2]),
               ("blk.0.attn_output.weight", [4, 4]), ("blk.0.ffn_norm.weight", [4]), ("blk.0.ffn_gate.weight", [4, 6]),
               ("blk.0.ffn_up.weight", [4, 6]), ("blk.0.ffn_down.weight", [6, 4])]
    return file(keys, tensors)


def main():
    corpus = pathlib.Path(sys.argv[1])
    kinds = {"llama": llama(), "llama-bpe": gpt2("llama-bpe"), "kimi-k2": gpt2("kimi-k2"), "afmoe": gpt2("afmoe"), "gemma4": gemma4(),
             "t5": t5(), "nested": nested()}
    for name, keys in kinds.items():
        (corpus / "gguf_tokenizer" / f"{name}.gguf").write_bytes(file([string("general.architecture", "llama")] + keys))
    (corpus / "view" / "llama.gguf").write_bytes(model())


if __name__ == "__main__":
    main()
