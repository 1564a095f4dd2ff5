#!/usr/bin/env python3
"""Killed anywhere, the same command finishes the run and gives the same bytes; SIGINT ends with code 130 and says how to go on."""
import hashlib
import os
import random
import signal
import subprocess
import time

from common import PROGRAM, WIDE, Checks, model, run, scratch


def interrupt(command, after, how):
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(after)
    process.send_signal(how)
    message = process.stderr.read().decode()
    return process.wait(), message


def main():
    checks, out = Checks(), scratch()
    folder = model(WIDE)
    whole, target = out / "whole.gguf", out / "killed.gguf"
    arguments = ["quantize", folder, "--recipe", "iq3_s", "--threads", "1", "--to"]  # some seconds, enough to be killed in
    start = time.monotonic()
    run(*arguments, whole)
    seconds = time.monotonic() - start
    wanted = hashlib.sha256(whole.read_bytes()).hexdigest()
    random.seed(7)
    for round_number in range(4):
        how = signal.SIGINT if round_number == 3 else signal.SIGKILL
        after = seconds * random.uniform(0.3, 0.8)
        code, message = interrupt([PROGRAM, *arguments, target], after, how)
        if code == 0:
            checks.that(True, f"finished before the signal after {after:.2f} s")
        else:
            checks.that(not target.exists(), f"{how.name} after {after:.2f} s: no file under the final name")
            if how == signal.SIGINT:
                checks.that(code == 130 and "again" in message, f"SIGINT: exit code {code}, message '{message.strip()[-90:]}'")
            run(*arguments, target)
        same = hashlib.sha256(target.read_bytes()).hexdigest() == wanted
        checks.that(same, "the finished file has the same bytes")
        checks.that(sorted(os.listdir(out)) == ["killed.gguf", "whole.gguf"], "nothing else is left")
        target.unlink()
    checks.finish()


if __name__ == "__main__":
    main()
