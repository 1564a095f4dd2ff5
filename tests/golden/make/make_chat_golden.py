#!/usr/bin/env python3
"""What jinja2 makes of chat templates, set up as transformers does (utils/chat_template_utils.py).

    make_chat_golden.py --out FOLDER

Writes expressions.json, statements.json and families.json: the templates of chat_expressions.py, chat_statements.py and chat_families.py with the
text that jinja2 renders, or the error that it ends with. Needs jinja2 3.1; no network.
"""
import argparse
import datetime
import json
import pathlib

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chat_expressions import EXPRESSIONS
from chat_families import FAMILIES
from chat_statements import STATEMENTS

NOW = datetime.datetime(2024, 7, 26)


class Generation(jinja2.ext.Extension):
    """The tag with which transformers marks what the assistant says."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_print"), [], [], body).set_lineno(line)

    def _print(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    result = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    result.filters["tojson"] = tojson
    result.globals["raise_exception"] = raise_exception
    result.globals["strftime_now"] = NOW.strftime
    return result


def rendered(template, chat):
    variables = {"tools": None, "documents": None, "add_generation_prompt": True, **chat}
    try:
        return {"text": environment().from_string(template).render(**variables)}
    except Exception as error:  # whatever Python raises is the template's end
        return {"error": f"{type(error).__name__}: {error}"}


def call(name, arguments):
    return {"id": name, "type": "function", "function": {"name": name, "arguments": arguments}}


TOOLS = [{"type": "function", "function": {
    "name": "weather", "description": "Weather <now> & \"here\", é",
    "parameters": {"type": "object", "required": ["place"], "properties": {
        "place": {"type": "string"}, "unit": {"type": "string", "enum": ["c", "f"]},
        "days": {"type": ["integer", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}, "nullable": True},
        "more": {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"x": {"type": "array"}}}]}}}}}]
SYSTEM = {"role": "system", "content": " Be brief.\n"}
USER = {"role": "user", "content": "Hi  \n"}
SMALL = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
CHATS = {
    "user": {"messages": [USER]},
    "system, without prompt": {"messages": [SYSTEM, USER], "add_generation_prompt": False},
    "turns": {"messages": [SYSTEM, USER, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nHello"},
                           {"role": "user", "content": "漢字 <&> 😀"}], "enable_thinking": False},
    "tools": {"messages": [USER, {"role": "assistant", "content": None, "reasoning_content": "look",
                                  "tool_calls": [call("weather", {"place": "Zürich", "days": 2.5, "f": None})]},
                           {"role": "tool", "content": "sunny"}], "tools": TOOLS},
    "two calls": {"messages": [USER, {"role": "assistant", "content": "", "tool_calls": [
        call("weather", "{\"place\": 1}"), call("weather", {})]}, {"role": "tool", "content": "1"},
        {"role": "tool", "content": "2"}], "tools": TOOLS, "reasoning_effort": "high"},
    "parts": {"messages": [{"role": "system", "content": [{"type": "text", "text": "Sys"}]},
                           {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": " see "}]}]},
    "documents": {"messages": [USER], "documents": [{"title": "first one", "text": "t"}, {"text": "u", "n": 3}]},
    "wrong order": {"messages": [{"role": "assistant", "content": "me first"}]},
    "empty": {"messages": []},
}


def write(path, cases):
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    path.write_text("[\n" + lines + "\n]\n", encoding="utf-8")
    print(f"{path.name}: {len(cases)} cases, {sum('error' in case for case in cases)} of them errors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="tests/golden/chat")
    out = parser.parse_args().out
    for name, templates in (("expressions", EXPRESSIONS), ("statements", STATEMENTS)):
        write(out / f"{name}.json", [{"template": t, **rendered(t, {"messages": SMALL})} for t in templates])
    special = {"bos_token": "<s>", "eos_token": "</s>"}
    (out / "chats.json").write_text(json.dumps({"chats": CHATS, "small": SMALL, "templates": FAMILIES},
                                               ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    write(out / "families.json", [{"family": family, "chat": chat, **rendered(template, {**special, **variables})}
                                  for family, template in FAMILIES.items() for chat, variables in CHATS.items()])
    print(f"jinja2 {jinja2.__version__}")


main()
