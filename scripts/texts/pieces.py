"""Cutting texts into pieces and choosing among them."""

import hashlib
import re


def size(text):
    return len(text.encode("utf-8"))


def split_lines(text, limit):
    """Cuts at line ends into pieces of about `limit` characters."""
    piece = ""
    for line in text.splitlines(keepends=True):
        if piece and len(piece) + len(line) > limit:
            yield piece
            piece = ""
        piece += line
    if piece.strip():
        yield piece


def take(pieces, limit):
    """Pieces until `limit` bytes are reached, in an order that mixes the sources but is always the same."""
    result, total = [], 0
    for piece in sorted(pieces, key=lambda p: hashlib.sha256(p.encode()).digest()):
        if total >= limit:
            break
        result.append(piece)
        total += size(piece)
    return result


def play_text(raw):
    """A play without the licence text around it."""
    text = raw.decode("utf-8", errors="replace").replace("\r\n", "\n")
    start = re.search(r"^\s*(ACT I\b|ACTUS PRIMUS|SCENE)", text, re.M)
    end = re.search(r"^.*(End of (The|this) Project|THE END)", text, re.M | re.I)
    text = text[start.start() if start else 0:end.start() if end else len(text)]
    text = re.sub(r"<<.*?>>", "", text, flags=re.S)
    return re.sub(r"[ \t]+\n", "\n", re.sub(r"\n{3,}", "\n\n", text))
