"""Tokenizers to compare with: llama.cpp on a file's vocabulary, the Hugging Face library; and nasty texts to compare on."""
import ctypes
import json
import random

import llama_cpp

VOCAB_ONLY = 72  # offset of llama_model_params.vocab_only in xllamacpp 2026.10.11549

LATIN = "the a Hello world don't quantization WEIGHTS camelCase XMLHttp naïve Straße été ﬁne ſharp ǅ İstanbul iPhone15Pro".split()
SCRIPTS = ["数学と言語", "想在工作", "한국어", "текст", "Ελλάδα", "កាន់តែពិសេស", "हिन्दी", "ไทยแลนด์", "தமிழ்", "עברית", "العربية", "ქართული",
           "ᠮᠣᠩᠭᠣᠯ", "ℵ", "𝔘𝔫𝔦", "ⅷ", "ꓘ", "𐐀𐐨", "𞤀𞤢", "ﷺ", "ａＢ１", "ﾊﾟ", "豈", "〇", "々"]
BLANKS = [" ", "  ", "   ", " " * 7, " " * 25, "\t", "\t\t", "\n", "\n\n", "\r\n", "\r", "\r\n\r\n", " \n", "\n ", "\t \n  ", "\u00a0", "\u3000", "\u2003", "\u0085",
          "\u2028", "\u180e", "\u200b", "\u1680", "\v", "\f", "\x1c", "\ufeff"]
CONTRACTIONS = ["'s", "'S", "'t", "'re", "'RE", "'Ve", "'ll", "'lL", "'d", "'m", "'ſ", "'", "''", "’s", "'x", "'r"]
NUMBERS = ["1", "12", "123", "1234", "12345", "1234567", "3.14", "1,000", "½", "²", "٣٤٥", "१२३", "Ⅷ", "⑤", "１２", "𝟙𝟚𝟛𝟜"]
MARKS = ["e\u0301", "\u0301", "a\u0308\u0323", "\u20dd", "\u093e", "\u200d", "\ufe0f", "n\u0303", "\u1e9e\u0307"]
SIGNS = [".", "...", ",", "!", "?!", "$", "~", "~a", "^", "`", "|", "_", "__init__", "++i", "=>", "<=", "//", "/*", "#!", "@", "\\n", "{}", "[]", "()", "«»", "—", "“”",
         "。", "、", "￥", "€", "☃", "→", "-----", "=====", "%", "&amp;"]
EMOJI = ["🙂", "👩\u200d🔬", "🏳️\u200d🌈", "🇩🇪", "👍🏽", "😶\u200d🌫️", "🫠", "\U0001fae8", "\U0001fadf"]
ODD = ["\u0378", "\U0002fa20", "\U000e0001", "\ue000", "\U0010fffd", "\ufffd", "\ufffe", "\u0000", "\x7f", "\u00ad", "\u2581", "\u2581\u2581", "\u0120", "\u010a", "\u0897", "\u1c89",
       "\U000116d0", "\U00011f04", "\U0002ebf0", "\U0001e4f0", "\ufa6e", "\U0001ccf0", "<0x0A>", "<0x41", "\u0345", "\u24b6"]


def random_texts(seed, count, special):
    """`count` texts; `special` are tokens to write into some of them."""
    source = random.Random(seed)
    pools = [LATIN, SCRIPTS, BLANKS, CONTRACTIONS, NUMBERS, MARKS, SIGNS, EMOJI, ODD]
    special = special or ["<s>"]

    def atom():
        choice = source.random()
        if choice < 0.08:
            return chr(source.choice([source.randrange(0x20, 0x250), source.randrange(0x250, 0xd800), source.randrange(0xe000, 0x11000),
                                      source.randrange(0x11000, 0x20000), source.randrange(0x20000, 0x110000)]))
        if choice < 0.12:
            token = source.choice(special)
            return source.choice([token, token, token[:-1], token + " ", " " + token, token.upper()])
        if choice < 0.30:
            return source.choice([" ", " ", " ", "\n", "  "])
        return source.choice(source.choice(pools))

    texts = ["", " ", "  ", "\n", "\r\n", "a", " a", "a ", "'s", "\u180e", "\u0085", " \u00a0 "]
    while len(texts) < count:
        texts.append("".join(atom() for _ in range(source.choice([1, 2, 3, 5, 8, 13, 30]))))
    return texts[:count]


class LlamaVocabulary:
    """The tokenizer of a GGUF file in llama.cpp; weights are not read. Raises ValueError if llama.cpp refuses the file."""

    def __init__(self, path):
        self.lib = llama_cpp.library()
        self.lib.llama_log_set(ctypes.cast(llama_cpp._silent, ctypes.c_void_p), None)
        params = self.lib.llama_model_default_params()
        ctypes.cast(ctypes.byref(params), ctypes.POINTER(ctypes.c_uint8))[VOCAB_ONLY] = 1
        self.model = self.lib.llama_model_load_from_file(str(path).encode(), params)
        if not self.model:
            raise ValueError(f"llama.cpp does not load {path}")
        self.vocab = self.lib.llama_model_get_vocab(self.model)

    def tokens(self, text, add_special=True, parse_special=False):
        raw = text.encode()
        out = (ctypes.c_int32 * (4 * len(raw) + 16))()
        count = self.lib.llama_tokenize(self.vocab, raw, len(raw), out, len(out), add_special, parse_special)
        return list(out[:count])

    def close(self):
        self.lib.llama_model_free(self.model)


def write_vocabulary(path, model, pre, tokens, types, scores=None, merges=None, **keys):
    """A GGUF file with a tokenizer and no weights. `keys`: further tokenizer.ggml.* values."""
    import gguf
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_string("tokenizer.ggml.model", model)
    writer.add_string("tokenizer.ggml.pre", pre)
    writer.add_array("tokenizer.ggml.tokens", tokens)
    writer.add_array("tokenizer.ggml.token_type", types)
    if scores is not None:
        writer.add_array("tokenizer.ggml.scores", [float(score) for score in scores])
    if merges is not None:
        writer.add_array("tokenizer.ggml.merges", merges)
    for key, value in keys.items():
        add = writer.add_array if isinstance(value, bytes) else writer.add_bool if isinstance(value, bool) else writer.add_uint32
        add(f"tokenizer.ggml.{key}", value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def vocabulary_of(tokenizer_json):
    """(tokens, types, merges) of a BPE tokenizer.json, as GGUF files have them."""
    data = json.loads(tokenizer_json.read_text(encoding="utf-8"))
    added = {token["id"]: token for token in data["added_tokens"]}
    pieces = {id: piece for piece, id in data["model"]["vocab"].items()}
    pieces.update({id: token["content"] for id, token in added.items()})
    count = max(pieces) + 1
    tokens = [pieces.get(id, f"[PAD{id}]") for id in range(count)]
    kind = lambda id: 5 if id not in pieces else (3 if added[id]["special"] else 4) if id in added else 1
    merges = [merge if isinstance(merge, str) else " ".join(part.replace(" ", "\u0120") for part in merge) for merge in data["model"]["merges"]]
    return tokens, [kind(id) for id in range(count)], merges
