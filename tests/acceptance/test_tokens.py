#!/usr/bin/env python3
"""Token ids equal those of the programs that run the models.

Golden data: texts.json of all small checkpoints, and 164 texts for each of two real tokenizers, with and without special tokens. Then nasty random
texts: Hugging Face folders against the tokenizers library, GGUF files against llama.cpp: small checkpoints converted here, and a real vocabulary
with every name of a splitter (tokenizer.ggml.pre) that llama.cpp knows.

    test_tokens.py [COUNT]      random texts per tokenizer, default 2000
"""
import json
import resource
import shutil
import sys

from common import GEMMA, GOLDEN, ROOT, SMOL, Checks, left_out, llama, model, run, scratch, text

LEAST_SPEED = 5e6  # bytes of text per second and core; measured: 22e6 (tests/bench/tokenizer_speed.py)
COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 2000


def program_ids(path, texts, *flags):
    """One list of ids per text, or the message of the program."""
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    result = run("tokens", path, "--lines", "-", *flags, stdin=lines.encode(), code=None)
    if result.returncode != 0:
        return result.stderr.decode(errors="replace").strip()
    return [json.loads(line) for line in result.stdout.splitlines()]


def equal(checks, name, texts, ours, theirs):
    """One check; shows the shortest text that differs."""
    if isinstance(ours, str):
        return checks.that(False, f"{name}: {ours}")
    different = [(text, a, b) for text, a, b in zip(texts, ours, theirs) if a != b]
    example = min(different, key=lambda entry: len(entry[0]), default=None)
    checks.that(len(ours) == len(texts) and not different, f"{name}: {len(texts)} texts, {len(different)} differ" +
                (f"; {example[0]!a}: {example[1]} instead of {example[2]}" if example else ""))


def golden(checks):
    for entry in json.loads((GOLDEN / "tiny" / "index.json").read_text()):
        folder = GOLDEN / "tiny" / entry["name"]
        cases = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
        texts = [case["text"] for case in cases]
        equal(checks, f"golden {entry['name']}", texts, program_ids(folder, texts), [case["ids"] for case in cases])
    for name in (SMOL, GEMMA):
        cases = json.loads((GOLDEN / "models" / f"{name}.tokenizer.json").read_text(encoding="utf-8"))["cases"]
        texts = [case["text"] for case in cases]
        equal(checks, f"golden {name} without special tokens", texts, program_ids(model(name), texts, "--no-special"), [case["ids"] for case in cases])
        equal(checks, f"golden {name}", texts, program_ids(model(name), texts), [case.get("ids_with_special", case["ids"]) for case in cases])
    one = run("tokens", model(GEMMA), "Hello world").stdout.decode().split()
    checks.that(json.loads(run("tokens", model(GEMMA), "Hello world", "--json").stdout) == [int(id) for id in one], "TEXT and --json give the same ids")


def against_library(checks, peers):
    try:
        from tokenizers import Tokenizer
    except ImportError:
        return left_out("the package tokenizers is not installed, so Hugging Face folders are compared with golden ids only")
    folders = [GOLDEN / "tiny" / entry["name"] for entry in json.loads((GOLDEN / "tiny" / "index.json").read_text())]
    for folder in [*folders, model(SMOL), model(GEMMA)]:
        library = Tokenizer.from_file(str(folder / "tokenizer.json"))
        library.no_truncation()
        library.no_padding()
        added = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
        texts = peers.random_texts(11, COUNT, [token["content"] for token in added])
        equal(checks, f"library {folder.name}", texts, program_ids(folder, texts, "--no-special"),
              [library.encode(text, add_special_tokens=False).ids for text in texts])


def against_sentencepiece(checks, peers, out):
    """Folders that have only tokenizer.model."""
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError:
        return left_out("the package sentencepiece is not installed, so tokenizer.model alone is not compared")
    for name in ("llama-256", "gemma", "phi3"):
        folder = out / name
        folder.mkdir()
        for file in ("config.json", "model.safetensors", "tokenizer.model"):
            shutil.copy(GOLDEN / "tiny" / name / file, folder)
        library = SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
        # Control pieces in a text count here, as in transformers; SentencePiece itself spells them.
        special = [library.id_to_piece(id) for id in range(library.get_piece_size()) if library.is_control(id) or library.is_unknown(id)]
        texts = [text for text in peers.random_texts(13, COUNT, None) if not any(piece in text for piece in special)]
        equal(checks, f"SentencePiece {name}", texts, program_ids(folder, texts, "--no-special"), [library.encode(text) for text in texts])


def against_llama(checks, peers, name, path, special, count=COUNT):
    try:
        vocabulary = peers.LlamaVocabulary(path)
    except ValueError:
        return print(f"left out: llama.cpp does not load {name}") if name.startswith("pre ") else checks.that(False, f"llama.cpp does not load {name}")
    texts = peers.random_texts(7, count, special)
    equal(checks, f"llama.cpp {name}", texts, program_ids(path, texts), [vocabulary.tokens(text) for text in texts])
    equal(checks, f"llama.cpp {name}, --parse-special --no-special", texts, program_ids(path, texts, "--parse-special", "--no-special"),
          [vocabulary.tokens(text, False, True) for text in texts])
    vocabulary.close()


def converted(checks, peers, out):
    """Small checkpoints of all families that can be converted."""
    for entry in json.loads((GOLDEN / "tiny" / "index.json").read_text()):
        path = out / f"{entry['name']}.gguf"
        options = ("--set", f"outputs.0.options.pre_tokenizer={fixed}") if (fixed := fixed_pre(entry["name"])) else ()
        result = run("quantize", GOLDEN / "tiny" / entry["name"], "--recipe", "bf16", "--to", path, *options, code=None)
        if result.returncode != 0:
            checks.that(False, f"{entry['name']} is not converted: {result.stderr.decode(errors='replace').strip()[:160]}")
            continue
        added = json.loads((GOLDEN / "tiny" / entry["name"] / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
        against_llama(checks, peers, entry["name"], path, [token["content"] for token in added])
        path.unlink()


def speed(checks):
    """Of byte-level BPE and of Gemma's, one thread: a text of 1 MB takes no more than 0.2 s of the processor, opening the model not counted."""
    prose = text().read_text(encoding="utf-8")
    large = prose * (2_000_000 // len(prose.encode()) + 1)
    for name in (SMOL, GEMMA):
        seconds = []
        for content in ("", large):
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            run("tokens", model(name), "--lines", "-", "--threads", 1, stdin=json.dumps(content).encode() + b"\n")
            seconds.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)
        rate = len(large.encode()) / max(1e-9, seconds[1] - seconds[0])
        checks.that(rate >= LEAST_SPEED, f"{name}: {rate / 1e6:.1f} MB/s")


def fixed_pre(name):
    """The splitter's name that the golden files were made with: small vocabularies have no known fingerprint."""
    file = GOLDEN / "tiny" / name / "gguf.json"
    return json.loads(file.read_text()).get("fixed_pre") if file.exists() else None


def splitters(checks, peers, out):
    """A real vocabulary with every name of a splitter; names with the same rules get fewer texts."""
    table = json.loads((ROOT / "framework" / "data" / "families" / "common" / "pre-tokenizers.json").read_text(encoding="utf-8"))
    tokens, types, merges = peers.vocabulary_of(model(SMOL) / "tokenizer.json")
    special = [token for token, kind in zip(tokens, types) if kind in (3, 4)]
    path, seen = out / "vocabulary.gguf", set()
    for name, rules in sorted(table["engines"].items()):
        peers.write_vocabulary(path, "gpt2", name, tokens, types, merges=merges, bos_token_id=1, eos_token_id=2)
        known = json.dumps(rules) in seen
        seen.add(json.dumps(rules))
        against_llama(checks, peers, f"pre {name}", path, special, 100 if known else COUNT)


def gemma_kinds(checks, peers, out):
    """Gemma's vocabulary as merges on text (kind gemma4) and as scores (kind llama)."""
    tokens, types, merges = peers.vocabulary_of(model(GEMMA) / "tokenizer.json")
    special = [token for token, kind in zip(tokens, types) if kind in (3, 4)]
    path = out / "vocabulary.gguf"
    for kind, pre in (("gpt2", "granite-embed-multi-311m"), ("gemma4", "gemma4")):
        peers.write_vocabulary(path, kind, pre, tokens, types, merges=merges, bos_token_id=2, eos_token_id=1)
        against_llama(checks, peers, f"Gemma 3, merges, {kind} {pre}", path, special)
    rank = {}
    for number, merge in enumerate(merges):
        rank.setdefault(merge.replace(" ", "", 1), number)
    scores = [-rank.get(token, 0) for token in tokens]
    kinds = [6 if token.startswith("<0x") and len(token) == 6 else kind for token, kind in zip(tokens, types)]
    for prefix in (False, True):
        peers.write_vocabulary(path, "llama", "default", tokens, kinds, scores=scores, bos_token_id=2, eos_token_id=1, add_space_prefix=prefix)
        against_llama(checks, peers, f"Gemma 3, scores, add_space_prefix {prefix}", path, special)


def t5_kind(checks, peers, out):
    """A Unigram vocabulary: pieces of the random texts with scores by length and a fixed shuffle."""
    tokens, types, scores = ["<pad>", "</s>", "<unk>"], [3, 3, 2], [0.0, 0.0, 0.0]
    for number, text in enumerate(peers.random_texts(5, 800, None)):
        for piece in (text[:1], text[:3], "\u2581" + text[:2], text[1:4]):
            piece = piece.replace(" ", "\u2581")
            if piece and "\0" not in piece and piece not in tokens:
                tokens.append(piece)
                types.append(4 if number % 97 == 0 else 1)
                scores.append(-(number * 37 % 101) / 8 - len(piece))
    for prefix, remove in ((True, False), (True, True), (False, False)):
        path = out / "vocabulary.gguf"
        peers.write_vocabulary(path, "t5", "default", tokens, types, scores=scores, eos_token_id=1, unknown_token_id=2, padding_token_id=0,
                               add_space_prefix=prefix, remove_extra_whitespaces=remove)
        against_llama(checks, peers, f"t5, add_space_prefix {prefix}, remove_extra_whitespaces {remove}", path, ["</s>", "<unk>"])


def main():
    checks, out = Checks(), scratch()
    llama()  # skips the script if it cannot be had
    import token_peers as peers
    golden(checks)
    speed(checks)
    against_library(checks, peers)
    against_sentencepiece(checks, peers, out)
    t5_kind(checks, peers, out)
    gemma_kinds(checks, peers, out)
    converted(checks, peers, out)
    splitters(checks, peers, out)
    checks.finish()


if __name__ == "__main__":
    main()
