#!/usr/bin/env python3
"""Ctrl-C while a model runs: exit code 130 and an intact heap, however often; the second one ends the program at once."""
import pathlib
import signal
import subprocess
import time

from common import PROGRAM, SMOL, Checks, model, scratch, tiny_model

CHECKS, OUT = Checks(), scratch()
ROUNDS = 20


def start(*arguments, **options):
    return subprocess.Popen([str(PROGRAM), *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)


def processor_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def blocked(process):
    """Whether SIGINT is blocked, for each thread. In the one that waits for it the kernel shows it as not blocked."""
    masks = [next(line for line in status.read_text().splitlines() if line.startswith("SigBlk")) for status in pathlib.Path(f"/proc/{process.pid}/task").glob("*/status")]
    return [int(mask.split()[1], 16) >> (signal.SIGINT - 1) & 1 for mask in masks]


def wait_until_blocked(process, seconds=60):
    """Until the program looks after SIGINT itself; before that the signal ends it, or is lost where it is ignored."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end and not any(blocked(process)):
        time.sleep(0.01)


def while_multiplying(threads):
    """The products of matrices are nearly all of the time of logits."""
    tokens = ",".join(map(str, range(1, 2001)))
    codes, messages = [], set()
    for round_number in range(ROUNDS):
        process = start("logits", model(SMOL), "--tokens", tokens, "--threads", threads)
        while process.poll() is None and processor_seconds(process) < 0.6 + 0.05 * round_number:
            time.sleep(0.01)
        if round_number == 0:
            masks = blocked(process)
            CHECKS.that(len(masks) >= threads + 1 and masks.count(0) <= 1, f"{threads} threads: SIGINT is blocked in all {len(masks)} threads but one: {masks}")
        process.send_signal(signal.SIGINT)
        messages.add(process.communicate()[1].strip())
        codes.append(process.returncode)
    CHECKS.that(codes == [130] * ROUNDS, f"{threads} threads: exit codes {codes}")
    CHECKS.that(messages == {"polyquant: error: interrupted"}, f"{threads} threads: {messages}")


def second_time():
    """A program that waits for its input does not look at the wish; another Ctrl-C ends it."""
    process = start("tokens", tiny_model(OUT / "tiny"), "--lines", "-", stdin=subprocess.PIPE)
    wait_until_blocked(process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    CHECKS.that(process.poll() is None, "the first SIGINT is only a wish")
    process.send_signal(signal.SIGINT)
    CHECKS.that(process.wait(10) == -signal.SIGINT, f"the second one ends the program: {process.returncode}")


def ignored_before():
    """A shell that is not interactive starts background jobs with SIGINT ignored."""
    process = start("logits", model(SMOL), "--tokens", ",".join(map(str, range(1, 2001))), "--threads", 1,
                    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    wait_until_blocked(process)
    process.send_signal(signal.SIGINT)
    process.communicate()
    CHECKS.that(process.returncode == 130, f"a background job can be interrupted: {process.returncode}")


def main():
    second_time()
    ignored_before()
    for threads in (1, 2):
        while_multiplying(threads)
    CHECKS.finish()


if __name__ == "__main__":
    main()
