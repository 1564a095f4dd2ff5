#!/usr/bin/env python3
"""Runs `polyquant completion SHELL` in that shell, types the beginnings of commands and a tab, and looks at what comes.

usage: completion.py PROGRAM bash|zsh|fish; exit code 77 if the shell is not installed, 1 if POLYQUANT_REQUIRE_PEERS=1 demands it.
"""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

# What is typed, and what the shell must offer or fill in; "!word": must not.
CASES = [
    ("polyquant qu", ["quantize"]),
    ("polyquant quantize --rec", ["--recipe"]),
    ("polyquant quantize --recipe q4_", ["q4_0", "q4_k_m", "!q5_0"]),
    ("polyquant quantize --recipe=q4_", ["q4_0", "q4_k_m", "!q5_0"]),
    ("polyquant quantize --effort ", ["fast", "normal", "best"]),
    ("polyquant quantize --backend c", ["cpu"]),
    ("polyquant convert --lossless ", ["require", "prefer"]),
    ("polyquant codec enc", ["encode"]),
    ("polyquant codec encode q8", ["q8_0"]),
    ("polyquant new plugin x --kind q", ["quantizer"]),
    ("polyquant completion ", ["bash", "zsh", "fish"]),
    ("polyquant help q8", ["q8_0"]),
    ("polyquant run pipe", ["pipeline.yaml"]),
    ("polyquant quantize a\\ mod", ["a\\ model"]),
    ("polyquant --thr", ["--threads"]),
    ("polyquant --threads 2 -q ins", ["inspect"]),
]
END = "finished-with-this"


class Terminal:
    """An interactive shell on a pseudo-terminal."""

    def __init__(self, command, environment, folder):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)

    def read_until(self, wanted, seconds=20.0):
        """What comes until `wanted` (None: until nothing comes for a while)."""
        text, end = "", time.monotonic() + seconds
        while time.monotonic() < end and (wanted is None or wanted not in text):
            ready, _, _ = select.select([self.fd], [], [], 1.0)
            if not ready:
                if wanted is None:
                    break
                continue
            try:
                text += os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                break
        return text

    def type(self, text):
        os.write(self.fd, text.encode())

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def plain(text):
    """Without the terminal's control sequences, which may stand inside words."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r|\x07", "", text)


def on_terminal(command, setup, environment, folder):
    terminal = Terminal(command, environment, folder)
    for line in setup:
        terminal.type(line + "\n")
    terminal.type(f"echo {END[:4]}''{END[4:]}\n")
    terminal.read_until(END)
    terminal.read_until(None, 2)
    for typed, wanted in CASES:
        terminal.type(typed + "\t")
        shown = plain(terminal.read_until(None, 5))
        if "bash" in command[0]:  # which lists choices at the second tab
            terminal.type("\t")
            shown += plain(terminal.read_until(None, 5))
        terminal.type("\x15\n")  # the line is given up
        terminal.read_until(None, 1.5)
        yield typed, wanted, shown
    terminal.type("exit\n")
    terminal.close()


def in_fish(environment, folder):
    for typed, wanted in CASES:
        done = subprocess.run(["fish", "--no-config", "-c", "polyquant completion fish | source; complete -C $argv[1]", typed], env=environment,
                              cwd=folder, capture_output=True, text=True, timeout=60)
        yield typed, wanted, done.stdout + done.stderr


def outcomes(shell, environment, folder):
    if shell == "fish":
        return in_fish(environment, folder)
    if shell == "zsh":
        return on_terminal(["zsh", "-f", "-i"], ["PS1='> '", "autoload -Uz compinit; compinit -u -D", "source <(polyquant completion zsh)"],
                           environment, folder)
    return on_terminal(["bash", "--norc", "--noprofile", "-i"], ["PS1='> '", "source <(polyquant completion bash)"], environment, folder)


def main():
    program, shell = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    if shutil.which(shell) is None:
        print(f"SKIPPED: {shell} is not installed (apt-get install {shell}); its completion script was not run")
        sys.exit(1 if os.environ.get("POLYQUANT_REQUIRE_PEERS") == "1" else 77)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "pipeline.yaml").write_text("")
        (pathlib.Path(folder) / "a model").mkdir()
        environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "TERM": "dumb", "HOME": folder, "LC_ALL": "C.UTF-8"}
        for typed, wanted, shown in outcomes(shell, environment, folder):
            # fish completes "a model" without the backslash where it is asked for a list.
            missing = [word for word in wanted if not word.startswith("!") and word not in shown and word.replace("\\ ", " ") not in shown]
            wrong = [word for word in wanted if word.startswith("!") and word[1:] in shown]
            bad = bool(missing or wrong or "command not found" in shown)
            failed += bad
            print(f"{'FAILED ' if bad else 'ok     '} {typed!r}" + (f": {shown!r}" if bad else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
