#!/usr/bin/env python3
"""A small Unigram vocabulary with a precompiled character map, and what other programs make of texts with it.

    make_unigram_golden.py --out FOLDER

Writes unigram.json: the map and the vocabulary (trained by sentencepiece on a text of this script, with rules of its own), texts normalized by
the tokenizers library (`Precompiled`) and token ids of llama.cpp (tokenizer.ggml.model "t5"). Needs sentencepiece, tokenizers, gguf and
xllamacpp; no network.
"""
import argparse
import base64
import io
import json
import pathlib
import sys
import tempfile

import sentencepiece
import tokenizers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "interop"))
import token_peers  # noqa: E402

# Source and target, as code points; several of one beginning, a target that is longer, one that is empty, and blanks.
RULES = [("Ａ", "A"), ("Ｂ", "B"), ("①", "1"), ("②", "2"), ("½", "1/2"), ("\u212b", "\u00c5"), ("e\u0301", "\u00e9"), ("a\u0308", "\u00e4"),
         ("a\u0308\u0323", "\u1ea1\u0308"), ("\u1112\u1161", "\ud558"), ("\u1112\u1161\u11ab", "\ud55c"), ("ﬁ", "fi"), ("ﷺ", "ص ل ع م"), ("\u00ad", ""),
         ("\u3000", " "), ("\t", " "), ("\u00a0", " "), ("\n", " "), ("ſ", "s"), ("が", "ga"), ("か\u3099", "ga")]
CORPUS = ["the weights of a layer are rounded to four bits", "a small model is easy to load and to test", "fine print: é ä 한국 하나 1/2",
          "the quick brown fox jumps over the lazy dog 12 times"] * 20
TEXTS = ["", " ", "  two  blanks ", "Ａ Ｂ ①②½", "A\u030a \u212b e\u0301e\u0301 a\u0308\u0323 a\u0308", "\u1112\u1161\u11ab\u1112\u1161", "ﬁne ﷺ soft\u00adhyphen",
         "tab\tand\u3000wide\u00a0blank\n", "か\u3099がく", "👩\u200d🔬 e\u0301", "the weights of layer 12", "unknown: 数学 \U0001f642", "e\u0301\u0301", "</s> <unk>", "ſ"]


def field(data, number):
    """The first bytes of a field of a protobuf message."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        key = varint()
        if key & 7 == 2:
            size = varint()
            content = data[at:at + size]
            at += size
            if key >> 3 == number:
                return content
        else:
            at += {0: lambda: varint() * 0, 1: lambda: 8, 5: lambda: 4}[key & 7]()
    return b""


def trained():
    with tempfile.TemporaryDirectory() as folder:
        rules = pathlib.Path(folder) / "rules.tsv"
        spell = lambda text: " ".join(f"{ord(letter):04X}" for letter in text)
        rules.write_text("".join(f"{spell(a)}\t{spell(b)}\n" for a, b in RULES))
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=90, model_type="unigram", pad_id=0, eos_id=1,
                                                 unk_id=2, bos_id=-1, normalization_rule_tsv=str(rules), hard_vocab_limit=False, minloglevel=2)
    data = model.getvalue()
    return sentencepiece.SentencePieceProcessor(model_proto=data), field(field(data, 3), 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    model, charsmap = trained()
    normalizer = tokenizers.normalizers.Precompiled(charsmap)
    texts = TEXTS + token_peers.random_texts(3, 60, ["</s>"])[12:]
    count = model.get_piece_size()
    kinds = [3 if model.is_control(i) else 2 if model.is_unknown(i) else 1 for i in range(count)]
    vocabulary = {"tokens": [model.id_to_piece(i) for i in range(count)], "types": kinds, "scores": [model.get_score(i) for i in range(count)]}
    golden = {"made_with": f"sentencepiece {sentencepiece.__version__}, tokenizers {tokenizers.__version__}, xllamacpp 2026.10.11549",
              "charsmap": base64.b64encode(charsmap).decode(), "vocabulary": vocabulary, "t5": [],
              "normalized": [[text, normalizer.normalize_str(text)] for text in texts]}
    for prefix, remove in ((True, True), (True, False), (False, False)):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "vocabulary.gguf"
            token_peers.write_vocabulary(path, "t5", "default", vocabulary["tokens"], kinds, scores=vocabulary["scores"], eos_token_id=1, unknown_token_id=2,
                                         padding_token_id=0, add_space_prefix=prefix, remove_extra_whitespaces=remove, precompiled_charsmap=charsmap)
            llama = token_peers.LlamaVocabulary(path)
            golden["t5"].append({"add_space_prefix": prefix, "remove_extra_whitespaces": remove, "ids": [llama.tokens(text) for text in texts]})
            llama.close()
    (out / "unigram.json").write_text(json.dumps(golden, ensure_ascii=True, indent=None, separators=(",", ":")) + "\n")
    print(f"{len(charsmap)} bytes of map, {count} pieces, {len(texts)} texts")


if __name__ == "__main__":
    main()
