#!/usr/bin/env python3
"""polyquant tokens --messages: texts equal jinja2's with the settings of transformers, ids those of the tokenizers library.

For SmolLM2's real template and the small checkpoints that have one, and for a GGUF file of SmolLM2. Then what is refused.
"""
import json
import re

from common import GEMMA, GOLDEN, SMOL, Checks, left_out, model, run, run_json, scratch

CHATS = [
    [{"role": "user", "content": "hi"}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2 + 2?\n"}, {"role": "assistant", "content": "4"},
     {"role": "user", "content": " Größe 💡 <|im_end|> "}],
    {"messages": [{"role": "user", "content": "no prompt"}], "add_generation_prompt": False},
    {"messages": [{"role": "user", "content": "with tools"}], "tools": [{"type": "function", "function": {"name": "f"}}]},
]
HI = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n" \
     "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def folders():
    """All with a template."""
    names = [entry["name"] for entry in json.loads((GOLDEN / "tiny" / "index.json").read_text())]
    return [folder for folder in [model(SMOL), *(GOLDEN / "tiny" / name for name in names)] if config(folder).get("chat_template")]


def config(folder):
    file = folder / "tokenizer_config.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def expected(folder, prompt=True):
    """Texts and ids made by jinja2 and the tokenizers library."""
    import jinja2.sandbox
    import tokenizers
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    template = environment.from_string(config(folder)["chat_template"])
    library = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    special = {name: value for name, value in config(folder).items() if name.endswith("_token") and isinstance(value, str)}
    for chat in CHATS:
        chat = chat if isinstance(chat, dict) else {"messages": chat}
        variables = {"tools": None, "documents": None, "add_generation_prompt": True, **special, **chat}
        text = template.render(variables if prompt else {**variables, "add_generation_prompt": False})
        yield {"text": text, "tokens": library.encode(text, add_special_tokens=False).ids}


def against_libraries(checks, chats):
    try:
        import jinja2.sandbox  # noqa: F401
        import tokenizers  # noqa: F401
    except ImportError as error:
        return left_out(f"{error}, so chats are compared with a text given here only")
    found = folders()
    checks.that(len(found) >= 10, f"{len(found)} models with a template")
    for folder in found:
        checks.that(run_json("tokens", folder, "--messages", chats) == list(expected(folder)), f"{folder.name}: {len(CHATS)} chats")
        checks.that(run_json("tokens", folder, "--messages", chats, "--no-generation-prompt") == list(expected(folder, False)),
                    f"{folder.name}: {len(CHATS)} chats, --no-generation-prompt")


def ways_to_ask(checks, chats, out):
    smol, one = model(SMOL), out / "one.json"
    one.write_text(json.dumps(CHATS[0], indent=1))
    ids = run_json("tokens", smol, HI, "--no-special")
    checks.that(run_json("tokens", smol, "--messages", one) == [{"text": HI, "tokens": ids}], "one conversation: text, and ids of that text")
    lines = [[int(id) for id in line.split()] for line in run("tokens", smol, "--messages", chats).stdout.splitlines()]
    document = run_json("tokens", smol, "--messages", chats)
    checks.that(lines == [entry["tokens"] for entry in document], "one line of ids per conversation")
    checks.that(run("tokens", smol, "--messages", chats, "--template", "default").stdout == run("tokens", smol, "--messages", chats).stdout,
                "--template default")
    gguf = out / "smol.gguf"
    run("quantize", smol, "--recipe", "q8_0", "--to", gguf)
    checks.that(run_json("tokens", gguf, "--messages", chats) == document, "GGUF file: texts and ids of the folder")


def refused(checks, chats, out):
    smol, good = model(SMOL), out / "one.json"
    raising = out / "raising"
    raising.mkdir()
    for file in model(SMOL).iterdir():
        (raising / file.name).symlink_to(file)
    (raising / "chat_template.jinja").write_text("{{ bos_token }}\n{{ raise_exception('roles must alternate') }}")
    broken = {"text.json": "hello", "number.json": "3", "empty.jsonl": "\n", "map.json": "{}", "line.jsonl": "[]\n[{}]\n"}
    for name, content in broken.items():
        (out / name).write_text(content)
    cases = [
        ("nothing to encode", (smol,), 2, r"give one of TEXT, --lines FILE and --messages FILE"),
        ("TEXT and --messages", (smol, "hi", "--messages", good), 2, r"give one of TEXT"),
        ("--lines and --messages", (smol, "--lines", good, "--messages", good), 2, r"give one of TEXT"),
        ("--template alone", (smol, "hi", "--template", "default"), 2, r"--template.*--messages"),
        ("--no-generation-prompt alone", (smol, "hi", "--no-generation-prompt"), 2, r"--no-generation-prompt.*--messages"),
        ("unknown template", (smol, "--messages", good, "--template", "defualt"), 2, r"SmolLM2.*no chat template 'defualt'.*'default'"),
        ("no template", (model(GEMMA), "--messages", good), 3, r"gemma.*has no chat template; give its text without --messages"),
        ("no such file", (smol, "--messages", out / "nowhere.json"), 3, r"nowhere\.json"),
        ("no JSON", (smol, "--messages", out / "text.json"), 3, r"text\.json.*not valid JSON"),
        ("a number", (smol, "--messages", out / "number.json"), 3, r"number\.json: the messages must be a list"),
        ("an empty file of lines", (smol, "--messages", out / "empty.jsonl"), 3, r"empty\.jsonl: there is no conversation"),
        ("a map without messages", (smol, "--messages", out / "map.json"), 3, r"map\.json: the map has no 'messages'"),
        ("a message without role", (smol, "--messages", out / "line.jsonl"), 3, r"line\.jsonl:2: message 1 has no text 'role'"),
        ("a template that raises", (raising, "--messages", good), 3,
         r"one\.json: .*chat_template\.jinja: line 2: the template refuses these messages: roles must alternate"),
    ]
    for name, arguments, code, sentence in cases:
        result = run("tokens", *arguments, code=None)
        message = result.stderr.decode(errors="replace").strip().removesuffix("\nTry 'polyquant tokens --help'.")
        checks.that(result.returncode == code and re.search(sentence, message) and "\n" not in message and not result.stdout,
                    f"{name}: {result.returncode}: {message}")


def main():
    checks, out = Checks(), scratch()
    chats = out / "chats.jsonl"
    chats.write_text("".join(json.dumps(chat) + "\n" for chat in CHATS), encoding="utf-8")
    ways_to_ask(checks, chats, out)
    against_libraries(checks, chats)
    refused(checks, chats, out)
    checks.finish()


if __name__ == "__main__":
    main()
