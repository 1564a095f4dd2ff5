#!/usr/bin/env python3
"""What a run keeps on the disk: an interrupted run continues only if nothing that decides a byte has changed, no start of another run harms
it, and files that are not its own stay."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time

from common import PROGRAM, WIDE, Checks, left_out, model, scratch

CHECKS, OUT = Checks(), scratch()
SLOW = ["--recipe", "iq3_s", "--threads", "1"]  # some seconds


def call(*arguments):
    done = subprocess.run([str(PROGRAM), *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stderr.strip()


def start(*arguments, journal):
    """Starts a run and returns when it has finished some chunks."""
    def lines():
        return journal.read_bytes().count(b"\n") if journal.exists() else 0
    enough = lines() + 4
    process = subprocess.Popen([str(PROGRAM), *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and lines() < enough:
        time.sleep(0.002)
    return process


def interrupted(*arguments, journal, how=signal.SIGINT):
    process = start(*arguments, journal=journal)
    process.send_signal(how)
    message = process.communicate()[1].strip()
    CHECKS.that(process.returncode == (130 if how == signal.SIGINT else -9), f"interrupted: exit code {process.returncode} {message[-70:]}")


def beside(path, suffix):
    return path.with_name(path.name + suffix)


def linked_model(name):
    """The wide model with files of its own, all but the weights."""
    folder = OUT / name / WIDE  # outputs carry the folder's name
    folder.mkdir(parents=True)
    for file in model(WIDE).iterdir():
        os.symlink(file, folder / file.name) if file.suffix == ".safetensors" else shutil.copy(file, folder)
    return folder


def changed_inputs(whole):
    source, target = linked_model("source"), OUT / "changed.gguf"
    journal, command = beside(target, ".partial.journal"), ["quantize", source, *SLOW, "--to", target]
    interrupted(*command, journal=journal)
    config = source / "config.json"
    before = config.read_text()
    heads = {key: json.loads(before)[key] // 2 for key in ("num_attention_heads", "num_key_value_heads")}
    config.write_text(json.dumps({**json.loads(before), **heads}))
    code, message = call(*command)
    CHECKS.that(code == 2 and "tensors" in message and "--force" in message, f"other attention heads are another run: {code}, {message[-150:]}")
    CHECKS.that(beside(target, ".partial").exists() and journal.exists(), "what it had done is still there")
    config.write_text(before)
    inode = beside(target, ".partial").stat().st_ino
    code, message = call(*command)
    CHECKS.that(code == 0 and target.stat().st_ino == inode and target.read_bytes() == whole, f"with the old ones it continues: {code} {message[-90:]}")


def folders():
    source, target = linked_model("source2"), OUT / "folder"
    journal, command = beside(target, ".partial.journal"), ["convert", source, target, "--format", "safetensors", "--encoding", "f32", "--threads", "1"]
    interrupted(*command, journal=journal)
    (beside(target, ".partial") / "stale.json").write_text("{}")
    (beside(target, ".partial") / "config.json.partial").write_text("{}")
    code, message = call(*command)
    CHECKS.that(code == 0 and sorted(os.listdir(target)) == sorted(os.listdir(source)), f"a resumed folder has no stale files: {code} {message} {sorted(os.listdir(target))}")
    (source / "handler.py").write_text("pass")
    for round_number in range(2):
        code, message = call(*command, "--force")
        CHECKS.that(code == 0 and (target / "handler.py").exists(), f"a folder with any side file can be replaced: {code} {message[-90:]}")


def two_at_once(whole):
    target = OUT / "twice.gguf"
    journal, command = beside(target, ".partial.journal"), ["quantize", model(WIDE), *SLOW, "--to", target]
    first = start(*command, journal=journal)
    for more in ([], ["--force"], ["--work", OUT / "work"]):
        code, message = call(*command, *more)
        CHECKS.that(code == 2 and ("another process" in message or "interrupted run" in message), f"a second run {more[:1]} is refused: {code}, {message[-110:]}")
    first.kill()
    first.wait()
    inode = beside(target, ".partial").stat().st_ino
    code, message = call(*command)
    CHECKS.that(code == 0 and target.stat().st_ino == inode and target.read_bytes() == whole, f"and the first one, killed, continues: {code} {message}")


def changed_when_finished(pipeline, first, second):
    """A finished output is compared with what the run would write, also where the journal has lost a line."""
    journal, content = beside(first, ".partial.journal"), first.read_bytes()
    lines = journal.read_bytes()
    journal.write_bytes(lines[:lines.rstrip(b"\n").rfind(b"\n") + 1])
    with open(first, "r+b") as file:
        file.seek(-64, os.SEEK_END)
        file.write(bytes(byte ^ 1 for byte in content[-64:]))
    code, message = call("run", pipeline)
    CHECKS.that(code == 2 and "was changed" in message and not second.exists(), f"a finished output that was changed is noticed: {code}, {message[-120:]}")
    with open(first, "r+b") as file:
        file.write(content)
    journal.write_bytes(lines)


def with_busy_name(path, *arguments):
    """Runs where the file of that name is a mount point, which no rename can replace; the checks before it do not see that. None: not here."""
    script = 'touch "$0"; mount --bind "$0" "$0" || exit 77; exec "$@"'
    done = subprocess.run(["unshare", "-rm", "bash", "-c", script, str(path), str(PROGRAM), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode == 77 or "unshare" in done.stderr:
        left_out(f"no file can be mounted here: {done.stderr.strip()}")
        return None
    return done.returncode, done.stderr.strip()


def several_outputs(whole):
    """A failure between the final names of two outputs."""
    pipeline = OUT / "two.yaml"
    pipeline.write_text(f"version: 1\nmodel: {model(WIDE)}\nthreads: 1\noutputs:\n- {{format: gguf, recipe: iq3_s, to: first.gguf}}\n"
                        "- {format: gguf, recipe: q8_0, to: second.gguf}\n")
    first, second = OUT / "first.gguf", OUT / "second.gguf"
    failed = with_busy_name(second, "run", pipeline, "--force")
    if failed is None:
        return
    CHECKS.that(failed[0] == 4 and first.exists() and "again" in failed[1], f"the second output cannot be renamed: {failed[0]}, {failed[1][-150:]}")
    code, message = call("run", pipeline)
    CHECKS.that(code == 2 and "second.gguf" in message, f"a file has its name: {code}, {message}")
    second.unlink()
    inode = first.stat().st_ino
    changed_when_finished(pipeline, first, second)
    begin = time.monotonic()
    code, message = call("run", pipeline)
    CHECKS.that(code == 0 and first.stat().st_ino == inode and first.read_bytes() == whole, f"the run ends with the finished one as it is: {code} {message} after {time.monotonic() - begin:.2f} s")
    CHECKS.that(second.is_file() and not list(OUT.glob("*.partial*")), f"and the other one: {sorted(p.name for p in OUT.glob('*.partial*'))}")


def force(whole):
    target = OUT / "forced.gguf"
    target.write_text("an older one")
    journal, command = beside(target, ".partial.journal"), ["quantize", model(WIDE), *SLOW, "--to", target, "--force"]
    interrupted(*command, journal=journal)
    CHECKS.that(target.read_text() == "an older one", "the older output is still there")
    inode = beside(target, ".partial").stat().st_ino
    code, message = call(*command)
    CHECKS.that(code == 0 and target.stat().st_ino == inode and target.read_bytes() == whole, f"with --force, too, the same command continues: {code} {message}")


def cut_journal(whole):
    target = OUT / "cut.gguf"
    journal, command = beside(target, ".partial.journal"), ["quantize", model(WIDE), *SLOW, "--to", target]
    interrupted(*command, journal=journal, how=signal.SIGKILL)
    with open(journal, "r+b") as file:
        file.truncate(journal.stat().st_size - 7)
    good = journal.read_bytes().count(b"\n")
    process = start(*command, journal=journal)
    process.kill()
    process.wait()
    lines = journal.read_bytes().split(b"\n")
    CHECKS.that(all(json.loads(line) for line in lines[:-1]) and len(lines) > good + 4, f"after a line that was cut off all others can be read: {len(lines)} lines")
    code, message = call(*command)
    CHECKS.that(code == 0 and target.read_bytes() == whole, f"and the run ends: {code} {message}")


def other_files():
    target = OUT / "mine.gguf"
    theirs = beside(target, ".partial")
    theirs.write_text("mine")
    for more in ([], ["--force"]):
        code, message = call("quantize", model(WIDE), "--recipe", "q8_0", "--to", target, *more)
        CHECKS.that(code == 2 and theirs.read_text() == "mine", f"a partial file of somebody else stays {more}: {code}, {message[-110:]}")
    theirs = OUT / "mine.partial"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("mine")
    for more in ([], ["--force"]):
        code, message = call("convert", model(WIDE), OUT / "mine", "--format", "safetensors", *more)
        CHECKS.that(code == 2 and (theirs / "thesis.txt").read_text() == "mine", f"a partial folder of somebody else stays {more}: {code}, {message[-110:]}")
    limited = OUT / "limited.gguf"
    done = subprocess.run(["bash", "-c", f"ulimit -f 1000; exec '{PROGRAM}' quantize '{model(WIDE)}' --recipe q8_0 --to '{limited}'"], capture_output=True, text=True)
    CHECKS.that(done.returncode == 4 and "ulimit" in done.stderr and not list(OUT.glob("limited*")), f"a limit on the size of files: {done.returncode}, {done.stderr.strip()}")


def split(whole):
    """A split output: killed while it is written, and failing between the names of its parts."""
    pipeline = OUT / "split.yaml"
    pipeline.write_text(f"version: 1\nmodel: {model(WIDE)}\nthreads: 1\noutputs: [{{format: gguf, recipe: iq3_s, to: PLACE/parts.gguf, options: {{split_max_tensors: 100}}}}]\n")
    wanted = {}
    for place in ("one", "other"):
        folder = OUT / place
        folder.mkdir()
        command = ["run", pipeline, "--set", f"outputs.0.to={folder}/parts.gguf"]
        if place == "other":
            interrupted(*command, journal=folder / "parts.gguf.partial.journal", how=signal.SIGKILL)
            blocked = folder / sorted(wanted)[0]
            failed = with_busy_name(blocked, *command, "--force")
            if failed is None:
                return
            CHECKS.that(failed[0] == 4 and len(list(folder.glob("parts-*.gguf"))) > 1, f"a part cannot be renamed: {failed[0]}, {failed[1][-100:]}")
            blocked.unlink()
        code, message = call(*command)
        parts = {path.name: path.read_bytes() for path in folder.iterdir()}
        CHECKS.that(code == 0 and len(parts) > 1 and parts == (wanted or parts), f"parts {sorted(parts)}: {code} {message[-150:]}")
        wanted = parts


def small_disk(whole):
    """What an interrupted run holds on the disk is not asked for twice."""
    script = f"""mount -t tmpfs -o size=150m none "$1" || exit 77; cd "$1"
        '{PROGRAM}' quantize '{model(WIDE)}' {' '.join(SLOW)} --to a.gguf & run=$!
        until [ -s a.gguf.partial.journal ] && [ "$(wc -l < a.gguf.partial.journal)" -gt 4 ]; do sleep 0.02; done
        kill -INT $run; wait $run; dd if=/dev/zero of=fill bs=1M count=20; '{PROGRAM}' quantize '{model(WIDE)}' {' '.join(SLOW)} --to a.gguf && sha256sum a.gguf"""
    folder = OUT / "small"
    folder.mkdir()
    done = subprocess.run(["unshare", "-rm", "bash", "-c", script, "bash", str(folder)], capture_output=True, text=True)
    if done.returncode == 77 or "unshare" in done.stderr:
        print(f"        no file system of a given size can be made here: {done.stderr.strip()}")
        return
    same = hashlib.sha256(whole).hexdigest() in done.stdout
    CHECKS.that(done.returncode == 0 and same, f"a disk with less space than the whole output needs: {done.returncode}, {done.stderr.strip()[-150:]}")


def main():
    code, message = call("quantize", model(WIDE), *SLOW, "--to", OUT / "whole.gguf")
    CHECKS.that(code == 0, f"the whole run: {message}")
    whole = (OUT / "whole.gguf").read_bytes()
    changed_inputs(whole)
    folders()
    two_at_once(whole)
    several_outputs(whole)
    force(whole)
    cut_journal(whole)
    split(whole)
    small_disk(whole)
    other_files()
    CHECKS.finish()


if __name__ == "__main__":
    main()
