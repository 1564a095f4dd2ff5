"""What the SDK's headers declare, read from their text (why: docs/adr/0022-the-interface-page-by-our-own-reader.md). They
are laid out by clang-format, so a declaration of namespace pq begins in column 0 and ends with "};" there; members are indented by two blanks."""

import re
from typing import NamedTuple


class Declaration(NamedTuple):
    name: str
    text: str  # the comment above
    code: str  # without what is private


class Function(NamedTuple):
    signature: str
    text: str
    is_required: bool
    default: str | None  # what it does if nobody overrides it, if that can be said


BEGIN = re.compile(r"^(?:class|struct|enum class) (?:PQ_API )?(\w+)[^;]*\{|^using (\w+) = ")
END = re.compile(r"^\};$|^(using|struct|enum class) .*;$")
DEFAULTS = re.compile(r"^inline [^\n]*?\b(\w+)::(\w+)\([^{]*\{\s*(.*?)\s*\}$", re.MULTILINE | re.DOTALL)


def joined(comment_lines):
    """The text of // or /// lines."""
    return " ".join(re.sub(r"^\s*///? ?", "", line).strip() for line in comment_lines)


def first_paragraph(header):
    lines = []
    for line in header.splitlines():
        if not re.match(r"//\s*\S", line):
            break
        lines.append(line)
    return joined(lines).replace("|", "\\|")


def public_part(lines):
    """The lines of a class without its private members."""
    kept, is_public = [], True
    for line in lines:
        access = re.match(r" (public|private|protected):$", line)
        if access:
            is_public = access.group(1) != "private"
        elif is_public or line.startswith("}"):
            kept.append(line)
    while len(kept) > 1 and not kept[-2].strip():
        del kept[-2]
    return kept


def without_bodies(code):
    """The same with `;` in place of the bodies of functions that are not virtual."""
    code = re.sub(r"^(  (?! |virtual |struct |enum ).*\)[^(){}\n]*) \{\n(?:    .*\n|\n)*  \}$", r"\1;", code, flags=re.MULTILINE)
    return re.sub(r"^(  (?!virtual ).*?\)(?: const| noexcept| override| &&)*)(?: : .*)? \{.*\}$", r"\1;", code, flags=re.MULTILINE)


def declarations(header):
    """Classes, structs, enums and type names of namespace pq, in their order; what a macro defines is none of them. ValueError where one has no end."""
    lines = header.splitlines()
    found, comment, i = [], [], 0
    while i < len(lines):
        begin = BEGIN.match(lines[i])
        template = lines[i].startswith("template ") and i + 1 < len(lines) and BEGIN.match(lines[i + 1])
        if not begin and not template:
            comment = [*comment, lines[i]] if lines[i].startswith("///") else []
            i += 1
            continue
        name = next(group for group in (begin or template).groups() if group)
        end = next((k for k in range(i, len(lines)) if END.search(lines[k])), None)
        if end is None:
            raise ValueError(f"{name} (line {i + 1}) has no end: a line that is '}};', or a declaration in one line")
        if begin and begin.group(2) and found and not comment:  # names for what stands above
            found[-1] = found[-1]._replace(code=found[-1].code + "\n" + lines[i])
        else:
            found.append(Declaration(name, joined(comment), without_bodies("\n".join(public_part(lines[i:end + 1])))))
        comment, i = [], end + 1
    return [attach_defaults(declaration, header) for declaration in found]


def attach_defaults(declaration, header):
    """Bodies of inline functions below the class, put where they are declared."""
    code = declaration.code
    for owner, name, body in DEFAULTS.findall(header):
        if owner == declaration.name:
            body = re.sub(r"\s+", " ", body)
            code = re.sub(rf"(\b{name}\((?:[^;{{]|\{{\}})*?)( const)?;", lambda m: f"{m.group(1)}{m.group(2) or ''} {{ {body} }}", code, count=1)
    return declaration._replace(code=code)


def is_interface(declaration):
    return "  virtual ~" in declaration.code or "\n  virtual " in declaration.code


def said_by(body):
    """What a default does, in words."""
    failure = re.search(r'assertion_failed\("[^"]*", "([^"]*)"', body)
    if failure:
        return f"fails, {failure.group(1)}"
    value = re.fullmatch(r"return (.*);", body)
    if not body:
        return "does nothing"
    if value:
        return {"{}": "empty", "std::nullopt": "nothing"}.get(value.group(1), f"`{value.group(1)}`")
    return None


def function(text, comment):
    """A function from its declaration; None for what is no virtual function, or overrides one."""
    match = re.fullmatch(r"virtual (.*?)(?: = 0;|;|(?<=[)t]) \{ ?(.*?) ?\})", text)
    if not match or match.group(1).startswith("~"):
        return None
    is_required = text.endswith("= 0;")
    signature = match.group(1).replace("( ", "(")
    return Function(signature, comment, is_required, None if match.group(2) is None else said_by(match.group(2)))


def virtual_functions(header):
    """(class, signature) of all that is virtual but destructors, found without any rule of layout but that a class begins in column 0."""
    code = re.sub(r"//.*", "", header)
    for found in re.finditer(r"\bvirtual\s+(?!~)", code):
        depth, end = 0, found.end()
        while end < len(code) and (depth > 0 or code[end] not in ";{"):
            depth += {"(": 1, ")": -1}.get(code[end], 0)
            end += 1
        owners = re.findall(r"^(?:class|struct) (?:PQ_API )?(\w+)[^;{]*\{", code[:found.start()], re.MULTILINE)
        signature = re.sub(r"\s+", " ", code[found.end():end]).strip().removesuffix("= 0").strip().replace("( ", "(")
        yield owners[-1] if owners else "", signature


def functions_of(declaration):
    """The virtual functions of a class, and the paragraphs between them."""
    comment, text = [], ""
    for line in declaration.code.splitlines()[1:]:
        if line.strip().startswith("//") and not text:
            if comment and comment[-1].strip().startswith("///") != line.strip().startswith("///"):
                yield joined(comment)
                comment = []
            comment.append(line)
            continue
        if not line.strip():
            if comment:
                yield joined(comment)
            comment = []
            continue
        code, _, remark = line.strip().partition("  // ")
        comment += ["// " + remark] if remark else []
        text = f"{text} {code}".strip()
        if not re.search(r"[;}]$", text) or text.count("{") != text.count("}"):
            continue
        found = function(text, joined(comment))
        if found:
            yield found
        comment, text = [], ""
