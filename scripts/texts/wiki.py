"""Wiki markup -> prose in the style of wikitext."""

import bz2
import html
import re

# Marks a place where something was removed that the sentence needs; paragraphs with a hole are dropped in the end.
HOLE = "\x00"
DROPPED_SECTIONS = {
    "see also", "references", "external links", "notes", "further reading", "bibliography", "footnotes", "sources",
    "notes and references", "citations", "works", "gallery", "filmography", "publications", "primary sources"}
SILENT_TEMPLATES = {
    "citation needed", "cn", "fact", "sfn", "sfnp", "efn", "refn", "r", "rp", "main", "see also", "further", "clarify",
    "who", "when", "where", "by whom", "which", "dubious", "page needed", "update after", "dead link", "ref", "harv",
    "audio", "listen", "portal", "quote box", "anchor", "citation", "cite web", "cite book", "clear", "dn", "verify source"}


def template_text(body):
    """The visible text of a template, '' for those that may vanish, HOLE for all others."""
    parts = [p.strip() for p in body.split("|")]
    name, plain = parts[0].lower(), [p for p in parts[1:] if "=" not in p]
    if name in SILENT_TEMPLATES or name.startswith(("ipa", "respell", "use ", "pp-", "infobox", "lang-", "cite")):
        return ""
    if name in ("lang", "transl") and len(plain) >= 2:
        return plain[-1]
    if name in ("nowrap", "nobr", "'", "sc", "abbr", "em") and plain:
        return plain[0]
    if name in ("convert", "cvt") and len(plain) >= 2 and re.fullmatch(r"[\d.,]+", plain[0]):
        return f"{plain[0]} {plain[1]}"
    if name in ("ndash", "spaced ndash", "snd", "–"):
        return " – "
    if name in ("mdash", "—"):
        return "—"
    return HOLE


def replace_innermost(pattern, function, text):
    """Applies a substitution until nothing changes: resolves nesting from the inside out."""
    for _ in range(50):
        text, count = pattern.subn(function, text)
        if not count:
            break
    return text


def link_text(match):
    body = match.group(1)
    if re.match(r"\s*:?\s*(file|image|category|media|[a-z]{2,3}|simple|wikt|wikipedia)\s*:", body, re.I):
        return ""
    return body.split("|")[-1]


def plain_paragraphs(wikitext):
    """Yields (heading level or 0, text)."""
    text = html.unescape(wikitext)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r"<ref[^<>]*/>", "", text, flags=re.I)
    text = re.sub(r"<ref[^<>]*>.*?</ref\s*>", "", text, flags=re.S | re.I)
    for tag in ("gallery", "timeline", "imagemap", "table", "blockquote", "poem", "div"):
        text = re.sub(rf"<{tag}\b.*?</{tag}\s*>", "\n", text, flags=re.S | re.I)
    for tag in ("math", "code", "pre", "source", "syntaxhighlight", "chem"):
        text = re.sub(rf"<{tag}\b.*?</{tag}\s*>", HOLE, text, flags=re.S | re.I)
    text = replace_innermost(re.compile(r"\{\{([^{}]*)\}\}"), lambda m: template_text(m.group(1)), text)
    text = replace_innermost(re.compile(r"\{\|[^{}]*?\|\}", re.S), lambda m: "\n", text)
    text = replace_innermost(re.compile(r"\[\[([^\[\]]*)\]\]"), link_text, text)
    text = re.sub(r"\[https?://\S+\s+([^\]]*)\]", r"\1", text)
    text = re.sub(r"\[https?://\S+\]", "", text)
    text = re.sub(r"'{2,}", "", text)
    text = re.sub(r"<br\s*/?>", " ", text, flags=re.I)
    text = re.sub(r"</?(small|big|i|b|u|span|em|nowiki|cite|abbr|center)\b[^<>]*>", "", text, flags=re.I)
    text = text.replace("\u00a0", " ").replace("\u200e", "")
    for line in text.split("\n"):
        heading = re.fullmatch(r"(={2,6})\s*(.*?)\s*\1\s*", line)
        if heading:
            yield len(heading.group(1)), heading.group(2)
            continue
        line = re.sub(r"\(\s*[,;:]?\s*(?:or|and|from)?\s*[,;]?\s*\)", "", line)
        line = re.sub(r"\(\s*[;,]\s*", "(", line)
        line = re.sub(r"\s*[;,]\s*\)", ")", line)
        line = re.sub(r"\s+([,.;:)])", r"\1", re.sub(r"\s+", " ", line)).strip()
        clean = re.search(r"[\x00-\x1f{}\[\]<>|_=\\^]|''|https?:|\(\)|\.\.\.\.", line) is None
        prose = len(line) >= 80 and line[0] not in "*#:;!-" and line[-1] in ".!?\"')”"
        if clean and prose:
            yield 0, line


def article_text(title, wikitext):
    """One article in wikitext style, or '' if too little prose is left."""
    out, pending, skip_level, prose = [f" = {title} = \n \n"], [], 0, 0
    for level, text in plain_paragraphs(wikitext):
        if level:
            if skip_level and level > skip_level:
                continue
            skip_level = level if text.lower() in DROPPED_SECTIONS or re.search(r"[\x00<>{}\[\]|=]", text) else 0
            pending = [p for p in pending if p[0] < level]
            if not skip_level:
                pending.append((level, text))
        elif not skip_level:
            for heading_level, heading in pending:
                marks = " =" * heading_level
                blank = "" if out[-1].endswith("= \n \n") else " \n"
                out.append(f"{blank}{marks} {heading}{marks} \n \n")
            pending = []
            out.append(f" {text} \n")
            prose += len(text)
    return " \n" + "".join(out) + " \n" if prose >= 1500 else ""


def articles(dump):
    """Yields (title, text) of the articles in a bz2-compressed XML dump."""
    xml = bz2.decompress(dump).decode("utf-8")
    for page in re.findall(r"<page>(.*?)</page>", xml, re.S):
        title = html.unescape(re.search(r"<title>(.*?)</title>", page).group(1))
        body = re.search(r"<text[^>]*>(.*?)</text>", page, re.S)
        if body and "<redirect" not in page and ":" not in title and not title.startswith("List of"):
            text = article_text(title, html.unescape(body.group(1)))
            if text:
                yield title, text
