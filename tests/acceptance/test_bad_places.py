#!/usr/bin/env python3
"""A full disk and a folder that cannot be written: documented exit code, one sentence, nothing left behind; and a file system that does not say how
large it is is written to. The disks are small tmpfs and a ramfs, which only root can mount; without it the script is skipped."""
import os
import subprocess
import sys

from common import run
from test_bad_inputs import TAIL, Runner


def mounted(folder, options, kind="tmpfs"):
    """Mounts a file system; skips the script if that is not allowed."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", kind, "-o", options, kind, str(folder)], capture_output=True).returncode != 0:
        print(f"SKIPPED: a {kind} cannot be mounted here")
        sys.exit(77)


def small_disk(runner):
    disk = runner.out / "disk"
    mounted(disk, "size=64k")
    try:
        runner.expect("full disk", 4, r"disk", ["quantize", runner.clean, "--recipe", "f16", "--to", disk / "x.gguf", *TAIL], disk / "x.gguf")
        runner.checks.that(os.listdir(disk) == [], "full disk: nothing is left behind")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def unwritable_folder(runner):
    """For root only a read-only file system is one."""
    locked = runner.out / "locked"
    if os.geteuid() == 0:
        mounted(locked, "ro")
    else:
        locked.mkdir(mode=0o500)
    try:
        runner.expect("unwritable folder", 2, r"locked", ["quantize", runner.clean, "--recipe", "q4_0", "--to", locked / "x.gguf", *TAIL])
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", str(locked)], check=True)


def unknown_size(runner):
    disk = runner.out / "ramfs"
    mounted(disk, "mode=0700", "ramfs")
    try:
        empty = os.statvfs(disk).f_blocks == 0
        arguments = ["quantize", runner.clean, "--recipe", "f16", *TAIL, "--to"]
        run(*arguments, disk / "x.gguf")
        run(*arguments, runner.out / "elsewhere.gguf")
        same = (disk / "x.gguf").read_bytes() == (runner.out / "elsewhere.gguf").read_bytes()
        runner.checks.that(empty and same and os.listdir(disk) == ["x.gguf"], "a file system that does not say how large it is: the same file as elsewhere")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def main():
    runner = Runner()
    unknown_size(runner)
    unwritable_folder(runner)
    small_disk(runner)
    runner.checks.finish()


if __name__ == "__main__":
    main()
