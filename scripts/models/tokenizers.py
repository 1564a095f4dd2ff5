"""tokenizer.json, tokenizer_config.json and special_tokens_map.json."""

from .common import fail

CONTROL, USER_DEFINED = 3, 4  # token types of GGUF


def added_token(identifier, content, special):
    return {"id": identifier, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": special}


def plain_token(content):
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}


def decoder_table(added):
    return {str(t["id"]): {k: t[k] for k in ("content", "lstrip", "normalized", "rstrip", "single_word", "special")}
            for t in added}


def smollm_tokenizer(source):
    if (source["tokenizer.ggml.model"], source["tokenizer.ggml.pre"]) != ("gpt2", "smollm"):
        fail("unexpected tokenizer kind in the SmolLM2 file")
    tokens, kinds = source["tokenizer.ggml.tokens"], source["tokenizer.ggml.token_type"]
    added = [added_token(i, t, True) for i, (t, k) in enumerate(zip(tokens, kinds)) if k == CONTROL]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True}, byte_level]},
        "post_processor": None,
        "decoder": byte_level | {"add_prefix_space": True},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": {t: i for i, t in enumerate(tokens)},
            "merges": source["tokenizer.ggml.merges"],
        },
    }
    named = {f"{role}_token": tokens[source[f"tokenizer.ggml.{key}_token_id"]]
             for role, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown"))}
    config = {
        "add_prefix_space": False,
        "added_tokens_decoder": decoder_table(added),
        "additional_special_tokens": [named["bos_token"], named["eos_token"]],
        "chat_template": source["tokenizer.chat_template"],
        "clean_up_tokenization_spaces": False,
        "model_max_length": source["{a}.context_length"],
        "tokenizer_class": "GPT2Tokenizer",
        "vocab_size": len(tokens),
    } | named
    special_map = {"additional_special_tokens": config["additional_special_tokens"]}
    special_map |= {role: plain_token(text) for role, text in named.items()}
    return tokenizer, dict(sorted(config.items())), special_map


def merges_from_scores(vocabulary, scores):
    """The merge list of a SentencePiece BPE vocabulary, which stores only scores.

    SentencePiece joins the neighbouring pair whose concatenation is the piece of highest score. So every
    way to cut a piece into two pieces is a merge, and its rank follows the score of the piece.
    Pieces of equal score (the user-defined ones): the longest left part first, then the longest right part,
    then vocabulary order; runs of blanks then grow from the left, as SentencePiece matches them.
    """
    merges = []
    for piece, identifier in vocabulary.items():
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in vocabulary and right in vocabulary:
                merges.append((-scores[identifier], -len(left), -len(right), identifier, left, right))
    merges.sort(key=lambda m: m[:4])
    return [[m[4], m[5]] for m in merges]


def gemma_tokenizer(source):
    if source["tokenizer.ggml.model"] != "llama":
        fail("unexpected tokenizer kind in the Gemma file")
    tokens, kinds = list(source["tokenizer.ggml.tokens"]), source["tokenizer.ggml.token_type"]
    scores = list(source["tokenizer.ggml.scores"])
    # In GGUF the user-defined runs of blanks have real blanks. The vocabulary has U+2581, as for all pieces.
    # The conversion also replaced the scores of all added tokens (0 in the original) by -1000.
    added = []
    really_special = {"<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"}
    for i, kind in enumerate(kinds):
        if kind == USER_DEFINED and set(tokens[i]) == {" "}:
            tokens[i] = "\u2581" * len(tokens[i])
        if kind in (CONTROL, USER_DEFINED):
            scores[i] = 0.0
            added.append(added_token(i, tokens[i], tokens[i] in really_special))
    vocabulary = {t: i for i, t in enumerate(tokens)}
    if len(vocabulary) != len(tokens):
        fail("the Gemma vocabulary has duplicate pieces")
    bos = {"SpecialToken": {"id": "<bos>", "type_id": 0}}
    first, second = ({"Sequence": {"id": name, "type_id": kind}} for name, kind in (("A", 0), ("B", 1)))
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
        "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious",
                          "invert": False},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [bos, first],
            "pair": [bos, first, {"SpecialToken": {"id": "<bos>", "type_id": 1}}, second],
            "special_tokens": {"<bos>": {"id": "<bos>", "ids": [vocabulary["<bos>"]], "tokens": ["<bos>"]}},
        },
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
            "vocab": vocabulary,
            "merges": merges_from_scores(vocabulary, scores),
        },
    }
    named = {f"{role}_token": tokens[source[f"tokenizer.ggml.{key}_token_id"]]
             for role, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown"))}
    config = {
        "add_bos_token": True, "add_eos_token": False,
        "added_tokens_decoder": decoder_table(added),
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1000000000000000019884624838656,
        "sp_model_kwargs": None,
        "spaces_between_special_tokens": False,
        "tokenizer_class": "GemmaTokenizer",
        "use_default_system_prompt": False,
    } | named
    if source.get("tokenizer.chat_template"):  # absent in the base model
        config["chat_template"] = source["tokenizer.chat_template"]
    special_map = {role: plain_token(text) for role, text in named.items()}
    return tokenizer, dict(sorted(config.items())), special_map
